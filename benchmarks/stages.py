"""The stages that `python -m benchmarks` times, each beside a counterpart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

import tfxdr.backbones
import tfxdr.losses
import tfxdr.policies
import tfxdr.policy_networks
import tfxdr.tuners  # noqa: F401

# isort: split
import tensorflow as tf

from benchmarks import naive
from benchmarks.joint import joint_step
from benchmarks.shapes import Shapes
from tfxdr.data.users import user_rows
from tfxdr.evaluation import Ranker
from tfxdr.models.frozen_prefix import remembered
from tfxdr.models.pretrain import PretrainModel
from tfxdr.models.transfer import TransferModel
from tfxdr.ops.ragged import Ragged
from tfxdr.registry import (
    backbones,
    losses,
    optimizers,
    policies,
    policy_networks,
    tuners,
)
from tfxdr.training import precision
from tfxdr.training.assembly import Parts, build_model
from tfxdr.training.finetuning import scorer
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.types import FIRST_ITEM, Batch

Step = Callable[[], object]
_KNOWN = 20  # items of a user that do not compete in full ranking


@dataclasses.dataclass(frozen=True)
class Stage:
    """One line of the table.

    Attributes:
      instances: of a step.
      flops: of a step in the plain computation, 2 for a multiplication and
        addition; convolutions, heads and nothing else are counted.
      ours: makes tfxdr's step.
      other: makes the counterpart's.
      other_name: what that is.
      other_flops: of its step.
    """

    instances: int
    flops: float
    ours: Callable[[], Step]
    other: Callable[[], Step]
    other_name: str
    other_flops: float


def _backbone(shapes: Shapes):
    dilations = ",".join(map(str, shapes.dilations))
    return backbones.parse(
        f"nextitnet(channels={shapes.channels},dilations=[{dilations}])"
    )


def _transfer_model(
    shapes: Shapes, policy: str, loss: str = "softmax"
) -> TransferModel:
    """Random weights, decisions that differ between users."""
    model = build_model(
        Parts(
            _backbone(shapes),
            policies.build(policy),
            policy_networks.parse("nextitnet"),
            tuners.build("copy"),
            loss=losses.build(loss),
        ),
        num_source_items=shapes.items,
        num_target_items=shapes.items,
        pooling="last",
        train_embeddings="auto",
        top_k=5,
        pretrained=None,
        seed=0,
    )
    if model.policy_network is not None:
        kernel = model.policy_network.projection.kernel
        kernel.assign(tf.random.stateless_normal(kernel.shape, [1, 2]))
    return model


def _training_step(
    model: tf.Module,
    batch: Batch,
    trained: Sequence[tf.Variable] | None = None,
) -> Step:
    """As `tfxdr.training.loop` makes it of a model and a batch."""
    parameters = ParameterGroups(
        OptimizerSettings(optimizers.parse("adam"), 1e-3),
        pretrained=[],
        new=model.trainable_variables if trained is None else trained,
        total_steps=1000,
    )
    variables = parameters.variables_to_train
    spec = tf.nest.map_structure(
        lambda x: tf.TensorSpec([None] * x.shape.rank, x.dtype), batch
    )
    spec = spec._replace(seed=tf.TensorSpec([2], tf.int32))

    @tf.function(input_signature=[spec])
    def step(batch: Batch) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(batch)
        parameters.apply(tape.gradient(loss, variables))
        return loss

    return lambda: step(batch)


def pretraining(shapes: Shapes) -> Stage:
    """The next item at every position, full softmax."""

    def ours() -> Step:
        backbone = _backbone(shapes).build(num_items=shapes.items)
        model = PretrainModel(backbone, shapes.items, loss="softmax")
        model(shapes.history[:1])
        return _training_step(model, shapes.inputs(0))

    def other() -> Step:
        model = naive.NextItem(shapes.naive_tower(), shapes.items)
        labels = shapes.ids([shapes.batch, shapes.length], 5)
        return naive.training_step(model, shapes.history, labels)

    rows = shapes.batch * shapes.length
    flops = 3 * (shapes.tower + rows * shapes.logits)
    return Stage(shapes.batch, flops, ours, other, "naive", flops)


def one_tower(policy: str) -> Callable[[Shapes], Stage]:
    """Fine-tuning of what a static policy leaves to be trained."""

    def stage(shapes: Shapes) -> Stage:
        blocks = len(shapes.dilations) // 2
        tuned = sum(policies.build(policy).static_actions(blocks))

        def ours() -> Step:
            return _training_step(
                _transfer_model(shapes, policy), shapes.inputs(0)
            )

        def other() -> Step:
            model = naive.LastItem(shapes.naive_tower(tuned), shapes.items)
            labels = shapes.ids([shapes.batch], 2)
            return naive.training_step(model, shapes.history, labels)

        backward = 2 * shapes.tower * tuned / blocks
        head = 3 * shapes.batch * shapes.logits
        flops = shapes.tower + backward + head
        return Stage(shapes.batch, flops, ours, other, "naive", flops)

    return stage


def looked_up(policy: str, loss: str) -> Callable[[Shapes], Stage]:
    """As a run does it: frozen blocks are looked up; beside tfxdr's `all`."""

    def stage(shapes: Shapes) -> Stage:
        def ours() -> Step:
            model = _transfer_model(shapes, policy, loss)
            users = np.arange(shapes.batch)
            items = shapes.history.numpy().ravel()
            lengths = np.full(shapes.batch, shapes.length)
            history = Ragged.from_lengths(items, lengths)
            fast = remembered(model, history, users, shapes.batch)
            rows = tf.constant(user_rows(shapes.batch).pad_left(users, 1))
            batch = shapes.inputs(0)._replace(history=rows)
            return _training_step(fast, batch, model.trainable_variables)

        def other() -> Step:
            model = _transfer_model(shapes, "all", loss)
            return _training_step(model, shapes.inputs(0))

        flops, of_all = (one_tower(p)(shapes).flops for p in (policy, "all"))
        return Stage(shapes.batch, flops, ours, other, "tfxdr's all", of_all)

    return stage


def _routed_flops(shapes: Shapes) -> float:
    """A frozen tower has a gradient of its input, and none of its weights."""
    head = shapes.batch * shapes.logits
    return 5 * shapes.tower + 3 * (shapes.policy + head)


def two_towers(policy: str) -> Callable[[Shapes], Stage]:
    """Fine-tuning of two towers under a learned policy."""

    def stage(shapes: Shapes) -> Stage:
        def ours() -> Step:
            return _training_step(
                _transfer_model(shapes, policy), shapes.inputs(0)
            )

        def other() -> Step:
            labels = shapes.ids([shapes.batch], 2)
            return naive.training_step(
                shapes.naive_routed(policy), shapes.history, labels
            )

        flops = _routed_flops(shapes)
        return Stage(shapes.batch, flops, ours, other, "naive", flops)

    return stage


def self_critical(shapes: Shapes) -> Stage:
    """`rl-scst` beside tfxdr's own `gumbel`: it adds a greedy rollout."""
    num_candidates = policies.build("rl-scst").num_candidates

    def made(policy: str, candidates: int) -> Callable[[], Step]:
        return lambda: _training_step(
            _transfer_model(shapes, policy), shapes.inputs(candidates)
        )

    flops = _routed_flops(shapes)
    return Stage(
        shapes.batch,
        flops + 2 * shapes.tower,
        made("rl-scst", num_candidates),
        made("gumbel", 0),
        "tfxdr's gumbel",
        flops,
    )


def in_bfloat16(stage: Callable[[Shapes], Stage]) -> Callable[[Shapes], Stage]:
    """With `--mixed_precision=bfloat16`, beside the same step without."""

    def rounded(shapes: Shapes) -> Stage:
        plain = stage(shapes)

        def ours() -> Step:
            step = plain.ours()

            def call() -> object:
                with precision.of_steps("bfloat16"):
                    return step()

            return call

        return dataclasses.replace(
            plain, ours=ours, other=plain.ours, other_name="tfxdr's float32"
        )

    return rounded


def inference(policy: str) -> Callable[[Shapes], Stage]:
    """Logits of all target items for a batch of users."""

    def stage(shapes: Shapes) -> Stage:
        routed = policies.build(policy).static_actions(1) is None

        def ours() -> Step:
            call = scorer(_transfer_model(shapes, policy))
            history = shapes.history
            return lambda: call(history)

        def other() -> Step:
            if routed:
                model = shapes.naive_routed("hard")
            else:
                model = naive.LastItem(shapes.naive_tower(), shapes.items)
            call = tf.function(model.call)
            history = shapes.history
            return lambda: call(history)

        head = shapes.batch * shapes.logits
        flops = shapes.tower + head
        if routed:
            flops += shapes.tower + shapes.policy
        return Stage(shapes.batch, flops, ours, other, "naive", flops)

    return stage


def full_ranking(shapes: Shapes) -> Stage:
    """Each user's test item among all items; beside the product alone."""
    draw = tf.random.stateless_normal
    users = draw([shapes.users, shapes.channels], [1, 1])
    kernel = draw([shapes.items, shapes.channels], [1, 2])

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)])
    def score(history: tf.Tensor) -> tf.Tensor:
        vectors = tf.gather(users, history[:, -1])
        return tf.matmul(vectors, kernel, transpose_b=True)

    def ours() -> Step:
        random = np.random.default_rng(0)

        def rows(count: int) -> Ragged:
            shape = [shapes.users, count]
            items = random.integers(FIRST_ITEM, shapes.items, shape)
            return Ragged.from_lengths(
                items.astype(np.int32).ravel(), np.full(shapes.users, count)
            )

        targets = rows(1)
        numbers = np.arange(shapes.users, dtype=np.int32)
        history = Ragged(numbers, np.arange(shapes.users + 1))
        ranker = Ranker(history, targets, rows(_KNOWN), targets, shapes.items)
        return lambda: ranker.rank(score)

    def other() -> Step:
        numbers = np.arange(shapes.users, dtype=np.int32)[:, np.newaxis]

        def step() -> None:
            for start in range(0, shapes.users, shapes.batch):
                score(numbers[start : start + shapes.batch])

        return step

    flops = shapes.users * shapes.logits
    return Stage(shapes.users, flops, ours, other, "bare product", flops)


def with_bip(backbone: str) -> Callable[[Shapes], Stage]:
    """A joint model's step with BIP's weights beside one without.

    Its products are too small to be what it takes: FLOPs are not counted.
    """

    def stage(shapes: Shapes) -> Stage:
        return Stage(
            shapes.batch,
            0.0,
            lambda: joint_step(backbone, "bip", shapes),
            lambda: joint_step(backbone, "none", shapes),
            f"{backbone} alone",
            0.0,
        )

    return stage


STAGES: dict[str, Callable[[Shapes], Stage]] = {
    "pre-train": pretraining,
    "finetune-all": one_tower("all"),
    "gumbel": two_towers("gumbel"),
    "soft": two_towers("soft"),
    "rl-scst": self_critical,
    "cls": one_tower("cls"),
    "last-2": one_tower("last-2"),
    "cls-cached": looked_up("cls", "softmax"),
    "cls-cached-bpr": looked_up("cls", "bpr"),
    "last-2-cached": looked_up("last-2", "softmax"),
    "pre-train-bf16": in_bfloat16(pretraining),
    "finetune-all-bf16": in_bfloat16(one_tower("all")),
    "gumbel-bf16": in_bfloat16(two_towers("gumbel")),
    "infer-all": inference("all"),
    "infer-gumbel": inference("gumbel"),
    "conet-bip": with_bip("conet"),
    "ddtcdr-bip": with_bip("ddtcdr"),
    "full-ranking": full_ranking,
}
