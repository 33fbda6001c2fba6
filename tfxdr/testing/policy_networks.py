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
    expect_alone,
    expect_close,
    expect_compiled,
    expect_equal,
    expect_gradients,
    expect_instance,
)
from tfxdr.testing.models import (
    HISTORY,
    NUM_ITEMS,
    expect_checkpoint,
    expect_export,
    expect_same_training,
    strengthen,
)

POLICY_NETWORK = Contract(policy_networks)

_BLOCKS, _WIDTH = 3, 8


def _network(spec: Spec) -> PolicyNetwork:
    tf.keras.utils.set_random_seed(2)
    encoder = spec.build(num_items=NUM_ITEMS, channels=_WIDTH)
    expect_instance(encoder, Backbone)
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
    expect_alone(
        lambda rows: network(HISTORY[rows]), len(HISTORY), "logits of a user"
    )


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
    expect_compiled(_network(spec).call, tf.constant(HISTORY))


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
    expect_same_training(network=spec)


@POLICY_NETWORK.promise
def a_checkpoint_brings_it_back(spec: Spec) -> None:
    """A checkpoint of a trained model makes another one answer alike."""
    expect_checkpoint(network=spec)


@POLICY_NETWORK.promise
def an_export_answers_the_same(spec: Spec) -> None:
    """What an export answers is what the model answers."""
    expect_export(network=spec)
