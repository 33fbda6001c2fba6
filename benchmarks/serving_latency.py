"""Latency of exported models: policies against one tower, by `all`.

    python benchmarks/serving_latency.py [--rounds=200] [--items=10000]
        [--channels=64] [--length=50] [--batch=1,64] [--threads=0]
        [--policy_network=nextitnet]

NextItNet with 8 blocks over random histories of full length; by default the
policy network of the paper. Each policy is exported, loaded into a session, as
TensorFlow Serving does, and asked through `serving_default`, 100 items a user.
Weights are random, so that users' actions differ: both towers run in every
block, each for some users. The models are asked in turns, so that what
disturbs the machine disturbs all of them. Prints the median and the 99th
percentile of a request, users a second, the ratio to `all` (median of the
rounds' ratios), and the size of the export. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time
from collections.abc import Callable

import numpy as np

import tfxdr.backbones
import tfxdr.policies
import tfxdr.policy_networks
import tfxdr.tuners  # noqa: F401

# isort: split
import tensorflow as tf

from tfxdr.registry import backbones, policies, policy_networks, tuners
from tfxdr.serving import Retrieval, TransferServable
from tfxdr.serving.export import save
from tfxdr.training.assembly import Parts, build_model
from tfxdr.types import FIRST_ITEM

POLICIES = ("all", "random", "gumbel", "rl-scst", "soft")
DILATIONS = "[1,2,4,8,1,2,4,8,1,2,4,8,1,2,4,8]"  # the default's 8 blocks


def exported(
    policy: str, chosen: argparse.Namespace, folder: pathlib.Path
) -> Served:
    """A model of random weights under a policy, as a server has it."""
    parts = Parts(
        backbones.parse(
            f"nextitnet(channels={chosen.channels},dilations={DILATIONS})"
        ),
        policies.build(policy),
        policy_networks.parse(chosen.policy_network),
        tuners.build("copy"),
        loss=lambda user, head, batch: user,
    )
    model = build_model(
        parts,
        num_source_items=chosen.items + FIRST_ITEM,
        num_target_items=chosen.items + FIRST_ITEM,
        pooling="last",
        train_embeddings="auto",
        top_k=5,
        pretrained=None,
        seed=0,
    )
    _spread(model)
    names = [f"i{number}" for number in range(chosen.items)]
    servable = TransferServable(
        model,
        source_ids=names,
        target_ids=names,
        counts=np.ones(chosen.items + FIRST_ITEM),
        max_history=chosen.length,
        examples=[],
        retrieval=Retrieval(100),
    )
    save(servable, folder)
    size = sum(path.stat().st_size for path in folder.rglob("*"))
    return Served(folder, size)


class Served:
    """An export in a session of its own.

    Attributes:
      recommend: `serving_default`, from histories to items.
      actions: `explain`, from histories to actions.
      size: of the export, bytes.
    """

    def __init__(self, folder: pathlib.Path, size: int) -> None:
        self.size = size
        session = tf.compat.v1.Session(graph=tf.Graph())
        with session.graph.as_default():
            loaded = tf.compat.v1.saved_model.load(
                session, ["serve"], str(folder)
            )
        self.recommend, self.actions = (
            session.make_callable(
                loaded.signature_def[name].outputs[output].name,
                [loaded.signature_def[name].inputs["history"].name],
            )
            for name, output in (
                ("serving_default", "items"),
                ("explain", "actions"),
            )
        )


def _spread(model) -> None:
    """Makes a policy network's decisions differ between users."""
    if model.policy_network is not None:
        kernel = model.policy_network.projection.kernel
        kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 2]))


def timed(call: Callable, history: np.ndarray) -> float:
    """Seconds of one request."""
    start = time.perf_counter()
    call(history)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--batch", default="1,64")
    parser.add_argument("--policy_network", default="nextitnet")
    parser.add_argument("--threads", type=int, default=0)
    chosen = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(chosen.threads)
    tf.config.threading.set_inter_op_parallelism_threads(chosen.threads)
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        models = {
            policy: exported(policy, chosen, pathlib.Path(name, policy))
            for policy in POLICIES
        }
    print("| users | policy | tuned | p50 ms | p99 ms | users/s | x all | MB |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for batch in map(int, chosen.batch.split(",")):
        seconds: dict[str, list[float]] = {policy: [] for policy in POLICIES}
        for turn in range(chosen.rounds + 5):  # the first ones trace and warm
            ids = random.integers(chosen.items, size=[batch, chosen.length])
            history = np.char.add("i", ids.astype(str)).astype(object)
            for policy, model in models.items():
                elapsed = timed(model.recommend, history)
                if turn >= 5:
                    seconds[policy].append(elapsed)
        for policy, model in models.items():
            actions = model.actions(history)
            taken = np.array(seconds[policy])
            ratio = np.median(taken / np.array(seconds["all"]))
            print(
                f"| {batch} | {policy} | {np.mean(actions):.2f} "
                f"| {np.median(taken) * 1e3:.2f} "
                f"| {np.quantile(taken, 0.99) * 1e3:.2f} "
                f"| {batch / np.median(taken):,.0f} | {ratio:.2f} "
                f"| {model.size / 1e6:.1f} |"
            )


if __name__ == "__main__":
    main()
