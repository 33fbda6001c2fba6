"""What a policy network computes from a history."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.policy_networks import PolicyNetwork
from tfxdr.registry import policy_networks

NAMES = [entry.name for entry in policy_networks.entries()]


@pytest.fixture(scope="module")
def golden(golden_root):
    return np.load(golden_root / "uaf_official.npz")


def test_every_encoder_of_the_paper_is_there():
    assert set(NAMES) >= {"nextitnet", "gru", "attention"}


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_soft_actions_are_the_authors(golden, mode):
    """Without a mask, and averaged over padding too, as in their code."""
    ids = tf.constant(golden["item_ids"])
    embedding = golden["w/policy/item_embedding"]
    dilations = golden["policy_dilations"].tolist()
    network = PolicyNetwork(
        NextItNet(
            len(embedding),
            embedding.shape[1],
            golden["w/policy/residual_0_1/dilated_conv1/weight"].shape[1],
            [r for d in dilations for r in (d, 2 * d)],
        ),
        len(golden["dilations"]),
    )
    network(ids)
    network.encoder.embedding.set_weights([embedding])
    for index, (block, dilation) in enumerate(
        zip(network.encoder.blocks, dilations, strict=True)
    ):
        prefix = f"w/policy/residual_{index}_{dilation}"
        for number in (1, 2):
            block.convolutions[number - 1].set_weights(
                [
                    golden[f"{prefix}/dilated_conv{number}/weight"][0],
                    golden[f"{prefix}/dilated_conv{number}/bias"],
                ]
            )
            block.norms[number - 1].set_weights(
                [
                    golden[f"{prefix}/layer_norm{number}/gamma"],
                    golden[f"{prefix}/layer_norm{number}/beta"],
                ]
            )
    network.projection.set_weights(
        [golden["w/policy/softmax_w"].T, golden["w/policy/softmax_b"]]
    )

    def compute(ids):
        hidden = network.encoder.embedding(ids)
        for block in network.encoder.blocks:
            hidden += block(hidden)
        logits = network.projection(tf.reduce_mean(hidden, axis=1))
        return tf.sigmoid(
            tf.reshape(logits, [-1, network.num_blocks, 2])[..., 0]
        )

    if mode != "eager":
        compute = tf.function(compute, jit_compile=mode == "xla")
    np.testing.assert_allclose(
        compute(ids), golden["policy_soft_actions"], atol=2e-5, rtol=0
    )


@pytest.fixture(params=NAMES)
def network(request):
    tf.keras.utils.set_random_seed(2)
    encoder = policy_networks.build(request.param, num_items=30, channels=8)
    network = PolicyNetwork(encoder, 3)
    network(tf.zeros([1, 1], tf.int32))
    for variable in network.trainable_variables:
        variable.assign(np.random.normal(0.1, 0.5, variable.shape))
    return network


def test_padding_and_other_users_change_nothing(network):
    ids = np.random.default_rng(0).integers(2, 30, (4, 6)).astype("i4")
    together = network(ids)
    assert together.shape == (4, 3, 2)
    padded = network(np.pad(ids, [[0, 0], [20, 0]]))
    np.testing.assert_allclose(together, padded, atol=1e-4)
    np.testing.assert_allclose(together[1:2], network(ids[1:2]), atol=1e-4)


def test_users_get_different_logits_and_every_weight_a_gradient(network):
    ids = tf.constant([[2, 3, 4, 5], [9, 8, 7, 6], [0, 0, 20, 21]])
    with tf.GradientTape() as tape:
        logits = network(ids)
        loss = tf.reduce_sum(logits[..., 0] ** 2 + logits[..., 1])
    assert np.ptp(logits.numpy(), axis=0).min() > 1e-3
    gradients = tape.gradient(loss, network.trainable_variables)
    for gradient in gradients:
        assert gradient is not None
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_it_starts_from_the_pretrained_embedding(network):
    pretrained = tf.keras.layers.Embedding(31, 8)  # one more row: a mask token
    pretrained.build(None)
    network.start_from(pretrained)
    np.testing.assert_array_equal(
        network.encoder.embedding.get_weights()[0],
        pretrained.get_weights()[0][:30],
    )
    assert network.encoder.embedding is not pretrained


def test_an_empty_history_is_decided_on(network):
    assert np.isfinite(network(tf.zeros([2, 3], tf.int32))).all()
