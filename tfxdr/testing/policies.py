"""What every policy promises, and every baseline in its place."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.ops.ragged import Ragged
from tfxdr.policies import Baseline, Policy
from tfxdr.registry import Spec, policies
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_alone,
    expect_close,
    expect_compiled,
    expect_equal,
    expect_gradients,
    expect_instance,
    expect_repeated,
    values_of,
)
from tfxdr.testing.models import (
    HISTORY,
    NUM_ITEMS,
    NUM_TARGETS,
    USERS,
    batch,
    expect_checkpoint,
    expect_export,
    train,
    transfer_model,
)
from tfxdr.types import Context, Scorer

POLICY = Contract(policies)
BASELINE = Contract(policies)

_BLOCKS = 4


def contract_of(component: str) -> Contract:
    """The promises of a policy, or those of a baseline."""
    made = policies.build(component, run_seed=1, users=USERS)
    return BASELINE if isinstance(made, Baseline) else POLICY


def _made(spec: Spec) -> Policy:
    policy = spec.build(run_seed=1, users=USERS)
    expect_instance(policy, Policy)
    return policy


def _decides(policy: Policy) -> bool:
    return policy.static_actions(_BLOCKS) is None


def _context(
    history: np.ndarray = HISTORY, seed: int = 1, epoch: int = 0
) -> Context:
    number = tf.constant(epoch)
    return Context(tf.constant(history), tf.constant([seed, 2]), number, number)


def _logits(rows: int = len(HISTORY)) -> tf.Tensor:
    """Of blocks that are clearly tuned, clearly frozen, and in between."""
    drawn = np.random.default_rng(0).normal(0, 3, (rows, _BLOCKS, 2))
    drawn[-1] = drawn[-2]  # as their histories
    return tf.constant(drawn, tf.float32)


@POLICY.promise
def there_is_one_action_for_each_block(spec: Spec) -> None:
    """Actions are `[batch, blocks]` numbers in [0, 1]."""
    policy = _made(spec)
    static = policy.static_actions(_BLOCKS)
    if static is not None:
        expect(
            len(static) == _BLOCKS and set(static) <= {0, 1},
            f"static_actions({_BLOCKS}) should be {_BLOCKS} numbers, 0 or 1, "
            f"they are {static}",
        )
        return
    for training in (True, False):
        actions = tf.cast(
            policy.call(_logits(), _context(), training), "float32"
        )
        shape = (len(HISTORY), _BLOCKS)
        expect(
            actions.shape == shape,
            f"call should return actions {shape}, they are {actions.shape}",
        )
        within = tf.reduce_all((actions >= 0) & (actions <= 1))
        expect(within, f"actions should be in [0, 1], they are {actions}")


@POLICY.promise
def hard_means_zero_or_one(spec: Spec) -> None:
    """`is_hard` stands for actions that are exactly 0 or 1 at inference."""
    policy = _made(spec)
    if not _decides(policy) or not policy.is_hard:
        return
    actions = np.asarray(policy.call(_logits(), _context(), False))
    expect(
        np.isin(actions, (0, 1)).all(),
        f"is_hard is true, and actions at inference are {actions}",
    )


@POLICY.promise
def hard_in_training_means_without_gradient(spec: Spec) -> None:
    """`is_hard_in_training` stands for 0 or 1, and for no gradient."""
    policy = _made(spec)
    if not _decides(policy) or not policy.is_hard_in_training:
        return
    logits = tf.identity(_logits())
    with tf.GradientTape() as tape:
        tape.watch(logits)
        actions = tf.cast(policy.call(logits, _context(), True), "float32")
    expect(
        np.isin(actions, (0, 1)).all(),
        f"is_hard_in_training is true, and actions are {np.asarray(actions)}",
    )
    expect(
        tape.gradient(actions, logits) is None,
        "is_hard_in_training is true, and actions have a gradient, which a "
        "block that runs once cannot give",
    )


@POLICY.promise
def inference_is_deterministic(spec: Spec) -> None:
    """Inference depends on logits and history, on no seed, step or epoch."""
    policy = _made(spec)
    if not _decides(policy):
        return
    contexts = (_context(), _context(seed=9), _context(epoch=7))
    first, *others = (policy.call(_logits(), c, False) for c in contexts)
    for other in others:
        expect_equal(first, other, "actions under another seed or epoch")


@POLICY.promise
def a_seed_decides_all_that_is_random(spec: Spec) -> None:
    """In training the same seed gives the same actions."""
    policy = _made(spec)
    if not _decides(policy):
        return
    expect_repeated(
        lambda: policy.call(_logits(), _context(), True),
        "actions of the same seed",
    )


@POLICY.promise
def a_user_is_decided_on_alone(spec: Spec) -> None:
    """Neither padding nor the batch's other users change an action."""
    policy = _made(spec)
    if not _decides(policy):
        return
    together = policy.call(_logits(), _context(), False)
    longer = np.pad(HISTORY, [[0, 0], [9, 0]])
    padded = policy.call(_logits(), _context(longer), False)
    expect_close(together, padded, "actions with more padding")
    expect_alone(
        lambda rows: policy.call(
            _logits()[rows], _context(HISTORY[rows]), False
        ),
        len(HISTORY),
        "actions of a user",
    )
    expect_close(together[-1], together[-2], "actions of equal users")


@POLICY.promise
def eager_and_compiled_agree(spec: Spec) -> None:
    """Actions are the same eagerly, in a graph and, at inference, by XLA."""
    policy = _made(spec)
    if not _decides(policy):
        return
    for training in (True, False):
        expect_compiled(
            lambda logits, context, t=training: policy.call(logits, context, t),
            _logits(),
            _context(),
            xla=not training,  # inference draws no random numbers
            atol=1e-6,
        )


@POLICY.promise
def gradients_reach_what_is_trained(spec: Spec) -> None:
    """A step has a finite loss, and reaches all that decides, and the head."""
    model = transfer_model(policy=spec)
    rows = batch(num_candidates=model.policy.num_candidates)
    with tf.GradientTape() as tape:
        loss, _ = model.batch_loss(rows)
    expect(loss.shape == (), f"extra_loss should be a scalar: {loss.shape}")
    expect(np.isfinite(loss), f"the loss should be finite, it is {loss}")
    variables = model.trainable_variables
    of = {
        variable.ref(): gradient
        for variable, gradient in zip(
            variables, tape.gradient(loss, variables), strict=True
        )
    }
    reached = [model.head.kernel, *model.policy_variables]
    expect_gradients([of[v.ref()] for v in reached], reached, "gradients")


@POLICY.promise
def frozen_weights_never_change(spec: Spec) -> None:
    """Training moves what is trainable, and nothing else, to the bit."""
    model = transfer_model(policy=spec)
    trainable = {v.ref() for v in model.trainable_variables}
    frozen = [v for v in model.variables if v.ref() not in trainable]
    before = values_of(frozen), values_of(model.trainable_variables)
    train(model, compiled=False)
    expect_equal(values_of(frozen), before[0], "frozen weights after training")
    moved = [
        np.abs(a - b).max()
        for a, b in zip(
            values_of(model.trainable_variables), before[1], strict=True
        )
    ]
    expect(max(moved) > 0, "nothing moved in training")


@POLICY.promise
def the_same_seed_gives_the_same_numbers(spec: Spec) -> None:
    """Two trainings with one seed end with equal weights."""
    one, other, third = (transfer_model(policy=spec) for _ in range(3))
    losses = train(one)
    expect_equal(train(other), losses, "losses of equal trainings")
    expect_close(train(third, compiled=False), losses, "losses of eager steps")
    expect_equal(
        values_of(one.variables),
        values_of(other.variables),
        "weights of equal trainings",
    )


@POLICY.promise
def a_checkpoint_brings_it_back(spec: Spec) -> None:
    """A checkpoint of a trained model makes another one answer alike."""
    expect_checkpoint(policy=spec)


@POLICY.promise
def an_export_answers_the_same(spec: Spec) -> None:
    """An export scores and explains as the model does."""
    expect_export(policy=spec)


@BASELINE.promise
def it_scores_every_item(spec: Spec) -> None:
    """What `fit` returns maps `[batch, length]` to `[batch, items]` numbers."""
    scores = np.asarray(_counted(spec)(HISTORY))
    shape = (len(HISTORY), NUM_TARGETS)
    expect(scores.shape == shape, f"{shape} expected, found {scores.shape}")
    expect(np.isfinite(scores).all(), "scores should be finite")


@BASELINE.promise
def a_user_is_scored_alone(spec: Spec) -> None:
    """Neither padding nor the batch's other users change a score."""
    scorer = _counted(spec)
    together = np.asarray(scorer(HISTORY))
    padded = scorer(np.pad(HISTORY, [[0, 0], [9, 0]]))
    expect_close(together, padded, "scores with more padding")
    expect_alone(
        lambda rows: scorer(HISTORY[rows]), len(HISTORY), "scores of a user"
    )


@BASELINE.promise
def counting_twice_gives_the_same_scores(spec: Spec) -> None:
    """`fit` on the same data gives the same scores."""
    expect_repeated(
        lambda: np.asarray(_counted(spec)(HISTORY)), "scores of two fits"
    )


def _counted(spec: Spec) -> Scorer:
    random = np.random.default_rng(3)
    history, targets = (
        Ragged.from_rows(random.integers(2, size, (9, 4)).tolist())
        for size in (NUM_ITEMS, NUM_TARGETS)
    )
    return spec.build(run_seed=1, users=USERS).fit(
        history, targets, NUM_ITEMS, NUM_TARGETS
    )
