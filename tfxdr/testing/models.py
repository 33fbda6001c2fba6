"""Small models and batches that components are checked in."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import tfxdr.backbones
import tfxdr.losses
import tfxdr.meta_learners
import tfxdr.policies
import tfxdr.policy_networks
import tfxdr.tuners  # noqa: F401  What small models are made of, by name.
from tfxdr.data.users import Users
from tfxdr.models.transfer import TransferModel
from tfxdr.ops.file_variable import tables_in_files
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.tracing import graph_of
from tfxdr.registry import (
    Spec,
    backbones,
    losses,
    optimizers,
    policies,
    policy_networks,
    tuners,
)
from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.export import save
from tfxdr.serving.servable import Servable
from tfxdr.serving.transfer import TransferServable
from tfxdr.testing.contract import (
    expect_close,
    expect_equal,
    expect_repeated,
)
from tfxdr.training.assembly import Parts, build_model
from tfxdr.training.checkpoint import (
    restore_one_by_one,
    restore_variables,
    save_variables,
)
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.types import FIRST_ITEM, Batch

NUM_ITEMS = 20
NUM_TARGETS = 12
NUM_STEPS = 2

_SOURCE_IDS = [f"s{item}" for item in range(FIRST_ITEM, NUM_ITEMS)]
_TARGET_IDS = [f"t{item}" for item in range(FIRST_ITEM, NUM_TARGETS)]

# Users with no item, few, and as many as fit; the last two are the same.
HISTORY = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 9, 3],
        [0, 2, 3, 4, 5, 6],
        [7, 8, 9, 2, 3, 4],
        [7, 8, 9, 2, 3, 4],
    ],
    np.int32,
)
_BACKBONE = "nextitnet(channels=8,dilations=[1,2,4,8])"

# What a policy may be given of them.
USERS = Users(
    ids=np.array([b"u%d" % row for row in range(len(HISTORY))], object),
    history=Ragged.from_rows([row[row > 0] for row in HISTORY]),
    target=Ragged.from_rows([[] for _ in HISTORY]),
    split=np.zeros(0, np.int8),
    attributes={"kind": np.array(["", "new", "old", "new", "new"])},
)


def transfer_model(
    *,
    policy: Spec | str = "gumbel",
    backbone: Spec | str = _BACKBONE,
    network: Spec | str = "gru",
    tuner: Spec | str = "copy",
    loss: Spec | str = "bpr",
    run_seed: int = 1,
    seed: int = 3,
) -> TransferModel:
    """A transfer model of named components, others small, at random weights.

    The weights are so large that a broken mask or route cannot hide. They do
    not depend on the seed, but for those that no model knows of.
    """
    probability = np.full(NUM_TARGETS, 1 / NUM_TARGETS, np.float32)
    model = build_model(
        Parts(
            backbones.parse(str(backbone)),
            policies.build(str(policy), run_seed=run_seed, users=USERS),
            policy_networks.parse(str(network)),
            tuners.build(str(tuner)),
            losses.build(str(loss), item_probability=probability),
        ),
        num_source_items=NUM_ITEMS,
        num_target_items=NUM_TARGETS,
        pooling="last",
        train_embeddings="auto",
        top_k=5,
        pretrained=None,
        seed=seed,
    )
    strengthen(model.variables)
    return model


def strengthen(variables: Sequence[tf.Variable], scale: float = 0.5) -> None:
    """Large random values, the same ones for the same shapes."""
    random = np.random.default_rng(5)
    for variable in variables:
        if variable.dtype.is_floating:
            variable.assign(random.normal(0.1, scale, variable.shape))


def batch(step: int = 0, epoch: int = 100, num_candidates: int = 0) -> Batch:
    """Training instances of the users of `HISTORY`, one of them without any.

    Args:
      step: decides the seed.
      epoch: late by default, when everything that sets in later has.
      num_candidates: sampled items for a policy that ranks.
    """
    random = np.random.default_rng(step)
    rows = len(HISTORY)
    positives = random.integers(FIRST_ITEM, NUM_TARGETS, (rows, 3))
    positives[1, 1:] = positives[2] = 0
    shape = (rows, 3, 4)
    candidates = (rows, num_candidates)
    return Batch(
        history=tf.constant(HISTORY),
        positives=tf.constant(positives, tf.int32),
        negatives=_items(random, shape),
        candidates=_items(random, candidates),
        seed=tf.constant([7, step]),
        step=tf.constant(step),
        epoch=tf.constant(epoch),
    )


def _items(random: np.random.Generator, shape: tuple[int, ...]) -> tf.Tensor:
    drawn = random.integers(FIRST_ITEM, NUM_TARGETS, shape)
    return tf.constant(drawn, tf.int32)


def train(model: TransferModel, *, compiled: bool = True) -> list[float]:
    """A few training steps; gives their losses."""
    parameters = ParameterGroups(
        OptimizerSettings(optimizers.parse("sgd"), learning_rate=0.1),
        pretrained=[],
        new=model.trainable_variables,
        total_steps=NUM_STEPS,
    )
    given = batch(num_candidates=model.policy.num_candidates)

    def step(rows: Batch) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(rows)
        parameters.apply(tape.gradient(loss, parameters.variables_to_train))
        return loss

    run = graph_of(step, model, model.instance_loss) if compiled else step
    return [
        float(run(given._replace(seed=tf.constant([7, number]))))
        for number in range(NUM_STEPS)
    ]


def restored(
    source: tf.Module,
    target: tf.Module,
    read: Callable[..., None] = restore_variables,
) -> None:
    """Writes a checkpoint of one object and reads it into another."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "checkpoint"
        save_variables(folder, tf.train.Checkpoint(it=source))
        read(folder, tf.train.Checkpoint(it=target), remedy="")


def expect_same_training(**parts: Any) -> None:
    """Two trainings of a `transfer_model` have to end with equal losses."""
    expect_repeated(
        lambda: train(transfer_model(**parts), compiled=False),
        "losses of equal trainings",
    )


def expect_checkpoint(**parts: Any) -> None:
    """A checkpoint has to make another `transfer_model` answer alike."""
    trained, fresh = (transfer_model(**parts, seed=seed) for seed in (3, 4))
    strengthen(trained.variables, 0.4)
    restored(trained, fresh)
    rows = tf.constant(HISTORY)
    expect_equal(fresh.actions(rows), trained.actions(rows), "actions")
    expect_equal(fresh(rows), trained(rows), "scores")


def expect_export(**parts: Any) -> None:
    """An export has to score and explain as a `transfer_model` does.

    It is made of a copy whose tables lie in files, as of a finished run.
    """
    model = transfer_model(**parts)
    with tempfile.TemporaryDirectory() as folder:
        with tables_in_files(folder, least=0):
            in_files = transfer_model(**parts, seed=4)
        restored(model, in_files, read=restore_one_by_one)
        servable, history = servable_of(in_files)
        names = tf.constant([_TARGET_IDS] * len(history))
        answers = exported(
            servable,
            {
                "score": {"history": history, "candidates": names},
                "explain": {"history": history},
            },
        )
    rows = tf.constant(HISTORY[1:])
    scores = model(rows)[:, FIRST_ITEM:]
    expect_close(answers["score"]["scores"], scores, "scores")
    expect_close(answers["explain"]["actions"], model.actions(rows), "actions")


def exported(
    servable: Servable, requests: Mapping[str, Mapping[str, tf.Tensor]]
) -> dict[str, dict[str, tf.Tensor]]:
    """Exports signatures, loads what was written, and asks each of them.

    Args:
      servable: what is exported.
      requests: inputs by name, for each signature.

    Returns:
      Outputs by name, for each signature.
    """
    with tempfile.TemporaryDirectory() as name:
        save(servable, Path(name), list(requests))
        loaded = tf.saved_model.load(name)
        return {
            signature: loaded.signatures[signature](**request)
            for signature, request in requests.items()
        }


def servable_of(model: TransferModel) -> tuple[TransferServable, tf.Tensor]:
    """What serves a model, and the raw histories of `HISTORY`.

    Those who have none are left out: they get the most frequent items.
    """
    raw = np.array(["", "", *_SOURCE_IDS], object)[HISTORY[1:]]
    servable = TransferServable(
        model,
        source_ids=_SOURCE_IDS,
        target_ids=_TARGET_IDS,
        counts=np.ones(NUM_TARGETS, np.int64),
        max_history=HISTORY.shape[1],
        examples=[[item for item in row if item] for row in raw],
        retrieval=Retrieval(k_max=5),
    )
    return servable, tf.constant(raw, tf.string)
