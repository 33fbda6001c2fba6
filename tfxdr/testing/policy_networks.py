"""What every policy network's encoder promises."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.backbones import Backbone
from tfxdr.policy_networks import PolicyNetwork
from tfxdr.registry import Spec, policy_networks
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_close,
    expect_equal,
    expect_gradients,
)
from tfxdr.testing.models import (
    HISTORY,
    NUM_ITEMS,
    exported_scores,
    restored,
    strengthen,
    train,
    transfer_model,
)

POLICY_NETWORK = Contract(policy_networks)

_BLOCKS, _WIDTH = 3, 8


def _network(spec: Spec) -> PolicyNetwork:
    tf.keras.utils.set_random_seed(2)
    encoder = spec.build(num_items=NUM_ITEMS, channels=_WIDTH)
    expect(
        isinstance(encoder, Backbone),
        f"it should be a tfxdr.Backbone, it is a {type(encoder).__name__}",
    )
    network = PolicyNetwork(encoder, _BLOCKS)
    network(tf.zeros([1, 1], tf.int32))
    strengthen(network.trainable_variables)
    return network


@POLICY_NETWORK.promise
def there_are_two_logits_for_each_block(spec: Spec) -> None:
    """Any history, even an empty one, gives logits `[batch, blocks, 2]`."""
    logits = _network(spec)(HISTORY)
    expected = (len(HISTORY), _BLOCKS, 2)
    expect(logits.shape == expected, f"{expected} expected: {logits.shape}")
    expect(np.isfinite(logits).all(), "logits should be finite")


@POLICY_NETWORK.promise
def a_user_is_decided_on_alone(spec: Spec) -> None:
    """Neither padding nor the batch's other users change a logit."""
    network = _network(spec)
    together = network(HISTORY)
    padded = network(np.pad(HISTORY, [[0, 0], [20, 0]]))
    expect_close(together, padded, "logits with more padding")
    for row in range(len(HISTORY)):
        alone = network(HISTORY[row : row + 1])
        expect_close(alone[0], together[row], "logits of a user alone")


@POLICY_NETWORK.promise
def users_differ(spec: Spec) -> None:
    """Users of different histories get different logits."""
    network = _network(spec)
    spread = np.ptp(network(HISTORY[:4]).numpy(), axis=0)
    expect(spread.min() > 1e-3, "a logit is the same for all users")
    one = HISTORY[3:4]
    moved = np.abs(network(one) - network(NUM_ITEMS + 1 - one))
    expect(moved.max() > 1e-3, "other items give the same logits")


@POLICY_NETWORK.promise
def gradients_reach_every_weight(spec: Spec) -> None:
    """Logits have a gradient for every weight."""
    network = _network(spec)
    with tf.GradientTape() as tape:
        logits = network(HISTORY)
        loss = tf.reduce_sum(logits[..., 0] ** 2 + logits[..., 1])
    variables = network.trainable_variables
    expect_gradients(tape.gradient(loss, variables), variables, "gradients")


@POLICY_NETWORK.promise
def eager_and_compiled_agree(spec: Spec) -> None:
    """Logits are the same eagerly, in a graph and by XLA."""
    network = _network(spec)
    ids = tf.constant(HISTORY)
    eager = network(ids)
    for jit in (False, True):
        compiled = tf.function(network.call, jit_compile=jit)(ids)
        expect_close(compiled, eager, "by XLA" if jit else "in a graph")


@POLICY_NETWORK.promise
def it_starts_from_the_pretrained_embedding(spec: Spec) -> None:
    """Its item embedding can take a backbone's, which has one row more."""
    network = _network(spec)
    pretrained = tf.keras.layers.Embedding(NUM_ITEMS + 1, _WIDTH)
    pretrained.build(None)
    network.start_from(pretrained)
    rows = network.encoder.embedding.embeddings.shape[0]
    expect_equal(
        network.encoder.embedding.embeddings.numpy(),
        pretrained.embeddings.numpy()[:rows],
        "the item embedding",
    )


@POLICY_NETWORK.promise
def the_same_seed_gives_the_same_numbers(spec: Spec) -> None:
    """Two trainings with one seed end with equal losses."""
    one, other = (
        train(transfer_model(network=spec), compiled=False) for _ in range(2)
    )
    expect_equal(one, other, "losses of equal trainings")


@POLICY_NETWORK.promise
def a_checkpoint_brings_it_back(spec: Spec) -> None:
    """A checkpoint of a trained model makes another one answer alike."""
    trained, fresh = (transfer_model(network=spec, seed=s) for s in (3, 4))
    strengthen(trained.variables, 0.4)
    restored(trained, fresh)
    expect_equal(fresh(HISTORY), trained(HISTORY), "scores")


@POLICY_NETWORK.promise
def an_export_answers_the_same(spec: Spec) -> None:
    """What an export answers is what the model answers."""
    expect_close(*exported_scores(transfer_model(network=spec)), "scores")
