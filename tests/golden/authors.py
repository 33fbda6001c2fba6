"""BIP's authors' model, batches and perceptron, from their arrays."""

import numpy as np
import tensorflow as tf

from tfxdr.backbones.conet import CoNet
from tfxdr.models.joint import JointModel
from tfxdr.types import Items, JointBatch, JointSizes

NUM_HEADS = 4  # of the perceptron's attention; no array tells it
_TABLES = ("user", "s_itemid", "t_itemid", "s_itemcate", "t_itemcate")


def load_model(golden):
    """CoNet with the authors' weights, whose matrices are [out, in]."""

    def weight(name):
        return golden[f"conet/{name}.weight"]

    tables = [weight(f"{name}_emb") for name in _TABLES]
    levels = sum(name.endswith("H.weight") for name in golden)
    units = [f"cross_modules.{level}" for level in range(levels)]
    backbone = CoNet(
        JointSizes(*map(len, tables)),
        embedding_size=tables[0].shape[1],
        hidden=[len(weight(f"{unit}.H")) for unit in units],
    )
    model = JointModel(backbone)
    source, target = backbone.source_embedding, backbone.target_embedding
    layers = (backbone.user_embedding, source.item, target.item)
    layers += (source.category, target.category)
    for layer, table in zip(layers, tables, strict=True):
        layer.set_weights([table])
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


def load_batch(golden, part):
    """The rows of `train` or `val`."""

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


def perceptron_options(golden):
    """Of `BehaviorPerceptron`, and so of `BIP`."""
    biases = [
        len(value)
        for name, value in golden.items()
        if name.startswith("perceptron/trans.") and name.endswith(".bias")
    ]
    return {
        "num_heads": NUM_HEADS,
        "head_size": len(golden["perceptron/s_atten.to_q.weight"]) // NUM_HEADS,
        "hidden": biases[:-1],
        "masked": False,
    }


def load_perceptron(golden, perceptron):
    """Gives a perceptron that has its variables the authors' weights."""
    for variable, array in matched(golden, perceptron, "perceptron"):
        variable.assign(array)


def matched(golden, perceptron, group):
    """Pairs of the perceptron's variables and the authors' arrays.

    The group is `perceptron`, its weights, or `hypergrad`.
    """

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
