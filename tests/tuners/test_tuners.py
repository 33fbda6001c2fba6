"""What a tuned block is: PeterRec's numbers, and what may be trained."""

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.backbones
import tfxdr.tuners  # noqa: F401
from tfxdr.errors import InputError
from tfxdr.layers.adapter import Adapter
from tfxdr.layers.causal_convolution import CausalConvolutionBlock
from tfxdr.layers.routed_block import twin
from tfxdr.registry import backbones, tuners

TOLERANCE = 2e-5  # absolute, float32
BACKBONES = {
    "nextitnet": "nextitnet(channels=8,dilations=[1,2])",
    "sasrec": "sasrec(channels=8)",
    "gru4rec": "gru4rec(channels=8)",
    "hstu": "hstu(channels=8)",
    "bert4rec": "bert4rec(channels=8)",
}


def adapted_block(golden, kind, index, dilation):
    prefix = f"w/nextitnet_residual_blockdecoder_layer_{index}_{dilation}"
    kernel = golden[f"{prefix}/dilated_conv1/weight"]
    _, size, _, width = kernel.shape
    narrow = golden[f"{prefix}/mp_1/mp_conv1_down_0/weight"].shape[-1]
    block = CausalConvolutionBlock(width, size, dilation)
    block.build([None, None, width])
    tuner = tuners.build(f"adapter-{kind}(reduction={width // narrow})")
    adapted = tuner.tune(block, width)
    adapted(tf.zeros([1, 1, width]))
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
        adapter = adapted.adapters[number - 1]
        for layer, part in ((adapter.down, "down"), (adapter.up, "up")):
            name = f"{prefix}/mp_{number}/mp_conv1_{part}_0"
            layer.set_weights(
                [golden[f"{name}/weight"][0, 0], golden[f"{name}/bias"]]
            )
    return adapted


@pytest.mark.parametrize("kind", ["serial", "parallel"])
@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_blocks_are_peterrecs(golden_root, kind, mode):
    golden = np.load(golden_root / f"peterrec_{kind}_official.npz")
    blocks = [
        adapted_block(golden, kind, index, dilation)
        for index, dilation in enumerate(golden["dilations"].tolist())
    ]
    embedding = tf.constant(golden["w/allitem_embeddings"])

    def compute(item_ids):
        hidden, outputs = tf.gather(embedding, item_ids), []
        for block in blocks:
            hidden += block(hidden)
            outputs.append(hidden)
        return outputs

    if mode != "eager":
        compute = tf.function(compute, jit_compile=mode == "xla")
    outputs = compute(tf.constant(golden["item_ids"]))
    np.testing.assert_allclose(
        np.stack(outputs), golden["blocks"], atol=TOLERANCE, rtol=0
    )


@pytest.fixture(params=BACKBONES)
def block(request):
    tf.keras.utils.set_random_seed(1)
    backbone = backbones.build(BACKBONES[request.param], num_items=20)
    backbone(tf.zeros([1, 2], tf.int32))
    return backbone.blocks[0]


HIDDEN = tf.random.stateless_normal([2, 4, 8], [3, 4])
MASK = tf.constant([[False, False, True, True], [True, True, True, True]])


@pytest.mark.parametrize("name", ["adapter-serial", "adapter-parallel"])
def test_only_adapters_and_layer_norms_are_trained(block, name):
    of_norms = ("gamma:0", "beta:0")
    before = block.trainable_variables
    num_norms = sum(v.name.endswith(of_norms) for v in before)
    frozen = {v.ref() for v in before if not v.name.endswith(of_norms)}
    tuned = tuners.build(name).tune(block, 8)
    tuned(HIDDEN, mask=MASK)
    assert len(tuned.adapters) == block.num_adapters > 0
    trained = {v.ref() for v in tuned.trainable_variables}
    assert not trained & frozen
    assert len(trained) == num_norms + 4 * block.num_adapters
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tuned(HIDDEN, mask=MASK) ** 2)
    for gradient in tape.gradient(loss, tuned.trainable_variables):
        assert gradient is not None


def test_serial_adapters_with_a_zero_up_projection_change_nothing(block):
    before = block(HIDDEN, mask=MASK)
    tuned = tuners.build("adapter-serial").tune(twin(block, 8), 8)
    tuned(HIDDEN, mask=MASK)
    for adapter in tuned.adapters:
        adapter.up.set_weights([0 * w for w in adapter.up.get_weights()])
    np.testing.assert_allclose(tuned(HIDDEN, mask=MASK), before, atol=1e-6)


def test_copy_trains_every_weight(block):
    block.trainable = False
    tuned = tuners.build("copy").tune(block, 8)
    assert tuned is block
    assert len(tuned.trainable_variables) == len(tuned.variables)


@pytest.mark.parametrize("name", ["adapter-serial", "adapter-parallel"])
def test_reduction_has_to_be_positive(name):
    with pytest.raises(InputError, match="reduction should be >= 1"):
        tuners.build(f"{name}(reduction=0)")


def test_a_narrow_block_keeps_one_channel():
    assert Adapter(3, reduction=8).down.units == 1


def test_adapter_config_round_trip():
    adapter = Adapter(8, 2, parallel=True)
    assert Adapter.from_config(adapter.get_config()).get_config() == (
        adapter.get_config()
    )
