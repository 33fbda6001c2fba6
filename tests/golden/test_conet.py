"""CoNet and the behavior perceptron against BIP's authors' numbers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.conet import CoNet
from tfxdr.layers.behavior_perceptron import BehaviorPerceptron
from tfxdr.models.joint import JointModel
from tfxdr.types import Items, JointBatch

TOLERANCE = 1e-9  # relative, float64
HEADS = {"s_pred": "source", "t_pred": "target", "replace_pred": "replacement"}


@pytest.fixture(scope="module")
def golden(golden_root):
    with np.load(golden_root / "bip_official.npz") as file:
        return dict(file)


@pytest.fixture(autouse=True)
def double_precision():
    before = keras.backend.floatx()
    keras.backend.set_floatx("float64")
    keras.mixed_precision.set_global_policy("float64")
    yield
    keras.mixed_precision.set_global_policy(None)
    keras.backend.set_floatx(before)


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=0)


def load_linear(layer, golden, name):
    weights = [golden[f"{name}.weight"].T]  # PyTorch keeps [out, in]
    if f"{name}.bias" in golden:
        weights.append(golden[f"{name}.bias"])
    layer.set_weights(weights)


def load_conet(golden):
    rows, size = golden["conet/user_emb.weight"].shape
    tables = {
        name: golden[f"conet/{name}_emb.weight"]
        for name in ("s_itemid", "t_itemid", "s_itemcate", "t_itemcate")
    }
    levels = sum(name.endswith("H.weight") for name in golden)
    cross = "conet/cross_modules.{}.{}.weight"
    transfers = [golden[cross.format(i, "H")].T for i in range(levels)]
    backbone = CoNet(
        rows,
        *(len(table) for table in tables.values()),
        embedding_size=size,
        hidden=[matrix.shape[1] for matrix in transfers],
    )
    model = JointModel(backbone)
    backbone.user_embedding.set_weights([golden["conet/user_emb.weight"]])
    for letter, embedding in (
        ("s", backbone.source_embedding),
        ("t", backbone.target_embedding),
    ):
        embedding.item.set_weights([tables[f"{letter}_itemid"]])
        embedding.category.set_weights([tables[f"{letter}_itemcate"]])
    for index, unit in enumerate(backbone.units):
        unit.source_kernel.assign(golden[cross.format(index, "w_s")].T)
        unit.target_kernel.assign(golden[cross.format(index, "w_t")].T)
        unit.transfer.assign(transfers[index])
    for theirs, ours in HEADS.items():
        load_linear(getattr(model, f"{ours}_head"), golden, f"conet/{theirs}")
    return model


def batch_of(golden, part):
    def items(name):
        return Items(
            golden[f"{part}/{name}_item"].astype(np.int32),
            golden[f"{part}/{name}_category"].astype(np.int32),
        )

    def history(name):
        return Items(
            golden[f"{part}/{name}_history"].astype(np.int32),
            golden[f"{part}/{name}_history_category"].astype(np.int32),
        )

    zero = tf.zeros([], tf.int32)
    return JointBatch(
        user=golden[f"{part}/user"].astype(np.int32),
        source=items("source"),
        target=items("target"),
        source_label=golden[f"{part}/source_label"].astype(float),
        target_label=golden[f"{part}/target_label"].astype(float),
        has_source=golden[f"{part}/has_source"],
        source_history=history("source"),
        target_history=history("target"),
        seed=tf.zeros([2], tf.int32),
        step=zero,
        epoch=zero,
    )


def load_perceptron(golden, inputs):
    width = golden["perceptron/s_atten.to_q.weight"].shape[0]
    numbers = range(0, 100, 2)  # of the linear layers, between activations
    names = [f"perceptron/trans.layers.{number}" for number in numbers]
    names = [name for name in names if f"{name}.weight" in golden]
    perceptron = BehaviorPerceptron(
        num_heads=4,
        head_size=width // 4,
        hidden=[len(golden[f"{name}.weight"]) for name in names[:-1]],
        masked=False,
    )
    perceptron(*inputs)
    perceptron.prior.assign(golden["perceptron/domain_prior"].item())
    for letter, summary in (
        ("s", perceptron.source_summary),
        ("t", perceptron.target_summary),
    ):
        prefix = f"perceptron/{letter}_atten"
        load_linear(summary.query, golden, f"{prefix}.to_q")
        key, value = np.split(golden[f"{prefix}.to_kv.weight"], 2)
        summary.key.set_weights([key.T])
        summary.value.set_weights([value.T])
        load_linear(summary.output_projection, golden, f"{prefix}.to_out.0")
    for layer, name in zip(perceptron.network, names, strict=True):
        load_linear(layer, golden, name)
    load_linear(perceptron.item_transform, golden, "perceptron/item_transform")
    return perceptron


def perceptron_inputs(model, golden, part):
    backbone, batch = model.backbone, batch_of(golden, part)
    positions = np.arange(batch.source_history.item.shape[1])
    masks = [
        positions < golden[f"{part}/{domain}_history_length"][:, np.newaxis]
        for domain in ("source", "target")
    ]
    return (
        backbone.source_features(batch.source),
        backbone.source_features(batch.source_history),
        backbone.target_features(batch.target_history),
        *map(tf.constant, masks),
    )


@pytest.mark.parametrize("jit", [None, False, True])
def test_probabilities_are_the_authors(golden, jit):
    model = load_conet(golden)
    call = model.call
    if jit is not None:
        call = tf.function(call, jit_compile=jit)
    source, target = call(batch_of(golden, "train"))
    close(source, golden["out/source_probability"])
    close(target, golden["out/target_probability"])


def test_the_replacement_head_is_the_authors(golden):
    model, batch = load_conet(golden), batch_of(golden, "val")
    vector = model.target_vector(batch)
    logit = model.replacement_head(vector)[:, 0]
    close(tf.sigmoid(logit), golden["out/meta_target_probability"])
    close(
        model.replacement_loss(vector, batch.target_label),
        golden["out/upper_loss"],
    )


@pytest.mark.parametrize("jit", [None, False, True])
def test_behavior_weights_are_the_authors(golden, jit):
    inputs = perceptron_inputs(load_conet(golden), golden, "train")
    perceptron = load_perceptron(golden, inputs)
    call = perceptron.call
    if jit is not None:
        call = tf.function(call, jit_compile=jit)
    close(perceptron.weights_of(call(*inputs)), golden["out/behavior_weights"])


def test_lower_loss_is_the_authors(golden):
    model = load_conet(golden)
    loss = model.lower_loss(
        batch_of(golden, "train"), golden["out/behavior_weights"]
    )
    close(loss, golden["out/lower_loss"])
