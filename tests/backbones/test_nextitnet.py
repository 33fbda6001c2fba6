"""NextItNet against the authors' numbers, and its own promises."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.registry import backbones

TOLERANCE = 2e-5  # absolute, float32


@pytest.fixture(scope="module")
def golden(golden_root):
    return np.load(golden_root / "nextitnet_official.npz")


def block_weights(golden, index, dilation):
    prefix = f"w/nextitnet_residual_blockdecoder_layer_{index}_{dilation}"
    names = ("dilated_conv1", "layer_norm1", "dilated_conv2", "layer_norm2")
    for name in names:
        pair = ("gamma", "beta") if "norm" in name else ("weight", "bias")
        for part in pair:
            value = golden[f"{prefix}/{name}/{part}"]
            yield value[0] if part == "weight" else value


def load(golden):
    dilations = golden["dilations"].tolist()
    embeddings = golden["w/allitem_embeddings"]
    first = golden[
        f"w/nextitnet_residual_blockdecoder_layer_0_{dilations[0]}"
        "/dilated_conv1/weight"
    ]
    backbone = NextItNet(
        len(embeddings),
        embeddings.shape[1],
        kernel_size=first.shape[1],
        dilations=[r for d in dilations for r in (d, 2 * d)],
    )
    backbone(golden["item_ids"])
    backbone.embedding.set_weights([embeddings])
    for index, (block, dilation) in enumerate(
        zip(backbone.blocks, dilations, strict=True)
    ):
        conv1, norm1, conv2, norm2 = (
            block.convolutions[0],
            block.norms[0],
            block.convolutions[1],
            block.norms[1],
        )
        values = list(block_weights(golden, index, dilation))
        for layer in (conv1, norm1, conv2, norm2):
            layer.set_weights(values[:2])
            values = values[2:]
    return backbone


def outputs(backbone, item_ids):
    """The output of every block, without a mask, as in the authors' code."""
    hidden = backbone.embedding(item_ids)
    values = []
    for block in backbone.blocks:
        hidden += block(hidden)
        values.append(hidden)
    return values


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_blocks_and_logits_are_the_authors(golden, mode):
    backbone = load(golden)
    compute = {
        "eager": lambda ids: outputs(backbone, ids),
        "function": tf.function(lambda ids: outputs(backbone, ids)),
        "xla": tf.function(
            lambda ids: outputs(backbone, ids), jit_compile=True
        ),
    }[mode]
    values = compute(tf.constant(golden["item_ids"]))
    np.testing.assert_allclose(
        np.stack(values), golden["blocks"], atol=TOLERANCE, rtol=0
    )
    logits = tf.nn.relu(values[-1]) @ golden["w/logits/weight"][0, 0]
    np.testing.assert_allclose(
        logits + golden["w/logits/bias"],
        golden["logits"],
        atol=TOLERANCE,
        rtol=0,
    )


def small(**options):
    tf.keras.utils.set_random_seed(3)
    return NextItNet(20, **{"channels": 8, "dilations": (1, 2, 4, 8)} | options)


def strong(backbone):
    """Weights large enough that a broken mask cannot hide."""
    backbone(tf.zeros([1, 1], tf.int32))
    rng = np.random.default_rng(0)
    for variable in backbone.trainable_variables:
        variable.assign(rng.normal(0.5, 1.0, variable.shape))
    return backbone


@pytest.mark.parametrize("length", [0, 1, 4, 9])
def test_padding_changes_nothing(length):
    backbone = strong(small())
    history = np.arange(2, 2 + length, dtype=np.int32)
    results = []
    for padding in (max(1 - length, 0), 3, 40):
        ids = np.concatenate([np.zeros(padding, np.int32), history])
        results.append(backbone(ids[None])[0, -max(length, 1) :])
    for other in results[1:]:
        np.testing.assert_allclose(results[0], other, atol=1e-5, rtol=1e-5)


def test_a_position_sees_no_later_item():
    backbone = strong(small())
    ids = np.arange(2, 12, dtype=np.int32)[None]
    changed = ids.copy()
    changed[0, 6:] = 15
    before, after = backbone(ids), backbone(changed)
    np.testing.assert_array_equal(before[0, :6], after[0, :6])
    assert np.abs(before[0, 6:] - after[0, 6:]).max() > 0.01


def test_other_users_of_the_batch_change_nothing():
    backbone = strong(small())
    ids = np.random.default_rng(0).integers(2, 20, (5, 7)).astype(np.int32)
    together = backbone(ids)
    for row in range(5):
        alone = backbone(ids[row : row + 1])
        np.testing.assert_allclose(together[row], alone[0], atol=1e-5)


def test_eager_graph_and_xla_agree():
    backbone = strong(small())
    ids = tf.constant([[0, 0, 3, 4, 5], [2, 3, 4, 5, 6]])
    eager = backbone(ids)
    for jit in (False, True):
        graph = tf.function(backbone.call, jit_compile=jit)
        np.testing.assert_allclose(eager, graph(ids), atol=2e-5, rtol=1e-5)


def test_config_round_trip():
    backbone = small(kernel_size=2)
    copy = NextItNet.from_config(backbone.get_config())
    assert copy.get_config() == backbone.get_config()


def test_defaults_are_the_papers():
    backbone = backbones.build("nextitnet", num_items=30)
    assert (backbone.width, len(backbone.blocks)) == (128, 8)
    assert [block.dilation for block in backbone.blocks] == [1, 4] * 4
    assert {block.kernel_size for block in backbone.blocks} == {3}


@pytest.mark.parametrize("dilations", [[], [1], [1, 3], [1, 2, 4]])
def test_dilations_that_are_no_pairs_are_refused(dilations):
    with pytest.raises(ValueError, match=r"pairs r, 2r.*received"):
        small(dilations=dilations)


def test_a_tied_softmax_reads_the_embedding():
    backbone = backbones.build(
        "nextitnet(channels=4,dilations=[1,2],tied=true)", num_items=9
    )
    hidden = backbone(tf.constant([[2, 5, 3]]))
    head = backbone.next_item_head(9)
    expected = hidden.numpy() @ backbone.embedding.embeddings.numpy().T
    np.testing.assert_allclose(head(hidden), expected, rtol=1e-5)
    (table,) = head.trainable_variables
    assert table is backbone.embedding.embeddings
    # A sum of what blocks add is mostly positive; what is scored need not be.
    assert [layer.name for layer in backbone.output_layers] == ["projection"]


def test_an_own_softmax_is_the_default():
    backbone = NextItNet(9, 4, dilations=[1, 2])
    hidden = backbone(tf.constant([[2, 5, 3]]))
    head = backbone.next_item_head(9)
    head(hidden)
    assert not backbone.output_layers
    assert head.kernel is not backbone.embedding.embeddings


def test_dropout_falls_on_embedded_items_in_training_alone():
    backbone = NextItNet(9, 200, dilations=[1, 2], dropout=0.25)
    history = tf.constant([[0, 5, 3]])
    plain, mask = backbone.embed(history)
    np.testing.assert_array_equal(mask, [[False, True, True]])
    dropped, _ = backbone.embed(history, tf.constant([1, 2]))
    again, _ = backbone.embed(history, tf.constant([1, 2]))
    np.testing.assert_array_equal(dropped, again)
    gone = dropped.numpy()[0, 1:] == 0
    assert 0.15 < gone.mean() < 0.35
    np.testing.assert_allclose(
        dropped.numpy()[0, 1:][~gone],
        plain.numpy()[0, 1:][~gone] / 0.75,
        rtol=1e-6,
    )


def test_a_rate_of_dropout_is_checked():
    with pytest.raises(ValueError, match="dropout should be in"):
        NextItNet(9, 4, dilations=[1, 2], dropout=1.0)
