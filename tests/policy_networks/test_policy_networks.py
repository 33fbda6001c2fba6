"""What a policy network computes from a history."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.options import groups
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


@pytest.mark.parametrize("name", NAMES)
def test_standardized_logits_have_no_part_that_users_share(name):
    tf.keras.utils.set_random_seed(1)
    network = PolicyNetwork(
        policy_networks.parse(name).build(num_items=30, channels=8),
        3,
        standardize=True,
    )
    history = tf.random.stateless_uniform([64, 6], [1, 2], 2, 30, tf.int32)
    logits = network(history, seed=tf.constant([0, 1])).numpy()
    np.testing.assert_allclose(logits.mean(axis=0), 0, atol=1e-5)
    assert logits.std(axis=0).min() > 1e-3
    np.testing.assert_allclose(
        network(history).numpy()[:1],
        network(history[:1]).numpy(),
        rtol=1e-4,
        atol=1e-6,
    )


def test_it_starts_at_a_chance_and_pays_for_its_weights():
    network = PolicyNetwork(
        policy_networks.parse("gru").build(num_items=30, channels=8),
        3,
        start=0.8,
        decay=0.5,
    )
    logits = network(tf.zeros([1, 4], tf.int32))
    kernel, bias = network.projection.get_weights()
    chance = tf.nn.softmax(tf.reshape(bias, [3, 2]))[:, 0]
    np.testing.assert_allclose(chance, 0.8, rtol=1e-6)
    assert logits.shape == (1, 3, 2)
    [penalty] = network.losses
    np.testing.assert_allclose(penalty, 0.5 * (kernel**2).sum(), rtol=1e-6)


@pytest.mark.parametrize("trained", [False, True])
def test_its_item_embedding_is_a_copy_that_may_stay(trained):
    network = PolicyNetwork(
        policy_networks.parse("gru").build(num_items=30, channels=8),
        3,
        train_embeddings=trained,
    )
    network(tf.zeros([1, 4], tf.int32))
    source = tf.keras.layers.Embedding(30, 8)
    source(tf.zeros([1], tf.int32))
    network.start_from(source)
    own = network.encoder.embedding.embeddings
    np.testing.assert_array_equal(own, source.embeddings)
    assert (id(own) in map(id, network.trainable_variables)) == trained


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        ("nextitnet", 31),
        ("nextitnet(dilations=[1,2,4,8,16,32])", 127),
        ("nextitnet(dilations=[1,2])", 7),
        ("gru", None),
        ("attention", None),
    ],
)
def test_an_encoder_reads_as_far_as_it_says(text, reach):
    tf.keras.utils.set_random_seed(5)
    encoder = policy_networks.parse(text).build(num_items=9, channels=6)
    assert encoder.reach == reach
    history = np.full([1, 140], 3, np.int32)

    def change(place):
        other = history.copy()
        other[0, -1 - place] = 7
        one, two = (encoder(tf.constant(x))[:, -1] for x in (history, other))
        return float(tf.reduce_max(tf.abs(one - two)))

    far = 20 if reach is None else reach - 1  # a GRU forgets, with time
    assert change(far) > 0
    assert reach is None or change(far + 1) == 0


def test_the_default_reads_the_longest_default_history():
    model, length = groups.Model(), groups.Data().max_history
    tf.keras.utils.set_random_seed(5)
    network = PolicyNetwork(
        policy_networks.parse(model.policy_network).build(
            num_items=9, channels=6
        ),
        2,
        **model.network_options(train_embedding=False),
    )
    history = np.full([2, length], 3, np.int32)
    history[1, 0] = 7
    one, other = network(tf.constant(history))
    assert np.abs(one - other).max() > 0
