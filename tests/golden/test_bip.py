"""BIP's hypergradient against its authors' numbers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.conet import CoNet
from tfxdr.meta.bip import BIP
from tfxdr.models.joint import JointModel
from tfxdr.types import Items, JointBatch

NUM_HEADS = 4
TOLERANCE = 1e-6  # relative, float64


@pytest.fixture(scope="module")
def golden(golden_root):
    with np.load(golden_root / "bip_official.npz") as file:
        return dict(file)


@pytest.fixture(autouse=True)
def double_precision():
    before = keras.backend.floatx()
    keras.backend.set_floatx("float64")
    yield
    keras.backend.set_floatx(before)


def model_of(golden):
    """CoNet with the authors' weights, whose matrices are [out, in]."""

    def weight(name):
        return golden[f"conet/{name}.weight"]

    tables = ("user", "s_itemid", "t_itemid", "s_itemcate", "t_itemcate")
    sizes = [weight(f"{name}_emb").shape for name in tables]
    levels = sum(name.endswith("H.weight") for name in golden)
    units = [f"cross_modules.{level}" for level in range(levels)]
    backbone = CoNet(
        *(rows for rows, _ in sizes),
        embedding_size=sizes[0][1],
        hidden=[len(weight(f"{unit}.H")) for unit in units],
    )
    model = JointModel(backbone)
    source, target = backbone.source_embedding, backbone.target_embedding
    layers = (backbone.user_embedding, source.item, target.item)
    layers += (source.category, target.category)
    for layer, name in zip(layers, tables, strict=True):
        layer.set_weights([weight(f"{name}_emb")])
    for unit, name in zip(backbone.units, units, strict=True):
        unit.source_kernel.assign(weight(f"{name}.w_s").T)
        unit.target_kernel.assign(weight(f"{name}.w_t").T)
        unit.transfer.assign(weight(f"{name}.H").T)
    for head, name in (
        (model.source_head, "s_pred"),
        (model.target_head, "t_pred"),
        (model.replacement_head, "replace_pred"),
    ):
        head.set_weights([weight(name).T, golden[f"conet/{name}.bias"]])
    return model


def batch_of(golden, part):
    def ids(name):
        return tf.constant(golden[f"{part}/{name}"], tf.int32)

    def numbers(name):
        return tf.constant(golden[f"{part}/{name}"], tf.float64)

    zero = tf.constant(0)
    return JointBatch(
        user=ids("user"),
        source=Items(ids("source_item"), ids("source_category")),
        target=Items(ids("target_item"), ids("target_category")),
        source_label=numbers("source_label"),
        target_label=numbers("target_label"),
        has_source=numbers("has_source"),
        source_history=Items(
            ids("source_history"), ids("source_history_category")
        ),
        target_history=Items(
            ids("target_history"), ids("target_history_category")
        ),
        seed=tf.zeros([2], tf.int32),
        step=zero,
        epoch=zero,
    )


def matched(golden, perceptron, group):
    """Pairs of the perceptron's variables and the authors' arrays."""

    def array(name):
        return golden[f"{group}/{name}"]

    yield perceptron.prior, array("domain_prior").reshape([])
    for letter in "st":
        summary = perceptron.source_summary
        if letter == "t":
            summary = perceptron.target_summary
        name = f"{letter}_atten"
        key, value = np.split(array(f"{name}.to_kv.weight"), 2)
        yield summary.query.kernel, array(f"{name}.to_q.weight").T
        yield summary.key.kernel, key.T
        yield summary.value.kernel, value.T
        output = array(f"{name}.to_out.0.weight").T
        yield summary.output_projection.kernel, output
    layers = {
        f"trans.layers.{2 * index}": layer
        for index, layer in enumerate(perceptron.network)
    }
    layers["item_transform"] = perceptron.item_transform
    for name, layer in layers.items():
        yield layer.kernel, array(f"{name}.weight").T
        yield layer.bias, array(f"{name}.bias")


def meta_of(golden, model):
    width = len(golden["perceptron/s_atten.to_q.weight"])
    biases = [
        len(value)
        for name, value in golden.items()
        if name.startswith("perceptron/trans.") and name.endswith(".bias")
    ]
    meta = BIP(
        terms=int(golden["cfg/neumann_terms"]),
        alpha=float(golden["cfg/neumann_scale"]),
        scale_by_alpha=False,
        num_heads=NUM_HEADS,
        head_size=width // NUM_HEADS,
        hidden=biases[:-1],
        masked=False,
    )
    meta.build(model.backbone)
    for variable, array in matched(golden, meta.perceptron, "perceptron"):
        variable.assign(array)
    return meta


def test_weights_are_the_authors(golden):
    model = model_of(golden)
    weights = meta_of(golden, model).weights(model, batch_of(golden, "train"))
    np.testing.assert_allclose(
        weights, golden["out/behavior_weights"], rtol=TOLERANCE
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_hypergradient_is_the_authors(golden, compiled):
    model = model_of(golden)
    meta = meta_of(golden, model)
    compute = (
        tf.function(meta.hypergradient) if compiled else meta.hypergradient
    )
    found = compute(model, batch_of(golden, "train"), batch_of(golden, "val"))
    expected = {
        variable.ref(): array
        for variable, array in matched(golden, meta.perceptron, "hypergrad")
    }
    assert len(expected) == len(meta.meta_variables)
    for variable, gradient in zip(meta.meta_variables, found, strict=True):
        array = expected[variable.ref()]
        error = np.linalg.norm(gradient - array) / np.linalg.norm(array)
        assert error < TOLERANCE, variable.name
