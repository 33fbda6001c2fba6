"""What every sequential backbone promises."""

import inspect

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones import Backbone
from tfxdr.layers.routed_block import RoutedBlock, twin
from tfxdr.layers.target_head import TargetHead
from tfxdr.models.pretrain import PretrainModel
from tfxdr.ops import losses
from tfxdr.registry import backbones
from tfxdr.types import Batch

NUM_ITEMS = 20
SMALL = {
    "bert4rec": {"channels": 8, "mask_prob": 0.5},
    "gru4rec": {"channels": 8, "num_blocks": 2},
    "nextitnet": {"channels": 8, "dilations": (1, 2, 4, 8)},
    "sasrec": {"channels": 8, "num_heads": 2},
}
BOTH_WAYS = {"bert4rec"}  # sees later items; all others must not
SEED = tf.constant([3, 4])
HISTORY = np.array(
    [[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 9, 3], [0, 2, 3, 4, 5, 6]]
    + [[7, 8, 9, 2, 3, 4]] * 3,
    np.int32,
)


def is_sequential(entry):
    factory = entry.factory
    return inspect.isclass(factory) and issubclass(factory, Backbone)


NAMES = [e.name for e in backbones.entries() if is_sequential(e)]


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def small(name, **options):
    tf.keras.utils.set_random_seed(3)
    options = {**SMALL.get(name, {}), **options}
    factory = backbones.entry(name).factory
    backbone = factory(num_items=NUM_ITEMS, **options)
    backbone(tf.zeros([1, 1], tf.int32))
    return backbone


def strong(name, **options):
    """Weights large enough that a broken mask cannot hide."""
    backbone = small(name, **options)
    rng = np.random.default_rng(0)
    for variable in backbone.trainable_variables:
        variable.assign(rng.normal(0.3, 0.7, variable.shape))
    return backbone


def close(one, other):
    np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-4)


def test_all_of_them_are_here():
    assert set(SMALL) <= set(NAMES)


@pytest.mark.parametrize("length", [0, 1, 4, 9])
def test_padding_changes_nothing(name, length):
    backbone = strong(name)
    history = np.arange(2, 2 + length, dtype=np.int32)
    results = []
    for padding in (max(1 - length, 0), 3, 40):
        ids = np.concatenate([np.zeros(padding, np.int32), history])
        results.append(backbone(ids[None])[0, -max(length, 1) :])
    assert np.isfinite(results[0]).all()
    close(results[0], results[1])
    close(results[0], results[2])


def test_a_position_sees_no_later_item(name):
    backbone = strong(name)
    ids = np.arange(2, 12, dtype=np.int32)[None]
    changed = ids.copy()
    changed[0, 6:] = 15
    before, after = backbone(ids), backbone(changed)
    moved = np.abs(before - after)[0].max(axis=-1)
    assert moved[-1] > 0.01
    if name in BOTH_WAYS:
        assert moved[:6].max() > 0.01
    else:
        assert moved[:6].max() < 1e-5


def test_the_order_of_items_counts(name):
    backbone = strong(name)
    one = backbone(np.array([[2, 3, 4, 5]], np.int32))[0, -1]
    other = backbone(np.array([[3, 2, 4, 5]], np.int32))[0, -1]
    assert np.abs(one - other).max() > 1e-3


def test_other_users_of_the_batch_change_nothing(name):
    backbone = strong(name)
    together = backbone(HISTORY)
    for row in range(len(HISTORY)):
        close(together[row], backbone(HISTORY[row : row + 1])[0])


def test_eager_graph_and_xla_agree(name):
    backbone = strong(name)
    ids = tf.constant(HISTORY[1:])
    eager = backbone(ids)
    for jit in (False, True):
        graph = tf.function(backbone.call, jit_compile=jit)
        close(eager, graph(ids))


def test_config_round_trip(name):
    backbone = small(name)
    copy = type(backbone).from_config(backbone.get_config())
    assert copy.get_config() == backbone.get_config()
    for option, value in SMALL[name].items():
        assert copy.get_config()[option] == value


def test_a_twin_of_a_block_computes_the_same(name):
    backbone = strong(name)
    hidden, mask = backbone.embed(tf.constant(HISTORY))
    for block in backbone.blocks:
        twin = type(block).from_config(block.get_config())
        twin.build(hidden.shape)
        before = twin(hidden, mask=mask)
        twin.set_weights(block.get_weights())
        expected = block(hidden, mask=mask)
        assert np.abs(before - expected).max() > 0.01
        np.testing.assert_array_equal(twin(hidden, mask=mask), expected)


def test_adapters_are_called_once_each_and_count(name):
    backbone = strong(name)
    hidden, mask = backbone.embed(tf.constant(HISTORY[2:]))
    block = backbone.blocks[0]
    plain = block(hidden, mask=mask)
    seen = []

    def same(read, gave):
        assert read.shape == gave.shape == hidden.shape
        seen.append(gave)
        return gave

    adapters = [same] * block.num_adapters
    np.testing.assert_array_equal(
        block(hidden, mask=mask, adapters=adapters), plain
    )
    assert len(seen) == block.num_adapters
    for place in range(block.num_adapters):
        adapters = [same] * block.num_adapters
        adapters[place] = lambda read, gave: gave + read
        changed = block(hidden, mask=mask, adapters=adapters)
        assert np.abs(changed - plain)[mask].max() > 0.01


def pretraining_loss(backbone, head, history, seed):
    hidden, labels = backbone.pretraining(history, seed)
    values = losses.next_item_softmax(hidden, labels, head.kernel, head.bias)
    return tf.reduce_sum(values)


def test_pretraining_reaches_every_weight(name):
    backbone = strong(name)
    head = backbone.next_item_head(NUM_ITEMS)
    head(tf.zeros([1, backbone.width]))
    with tf.GradientTape() as tape:
        loss = pretraining_loss(backbone, head, tf.constant(HISTORY), SEED)
    both = (*backbone.trainable_variables, *head.trainable_variables)
    variables = list({v.ref(): v for v in both}.values())
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        assert gradient is not None, variable.name
        gradient = tf.convert_to_tensor(gradient)
        assert np.isfinite(gradient).all(), variable.name
        assert np.abs(gradient).max() > 1e-7, variable.name


def test_pretraining_pairs_hidden_vectors_with_items(name):
    hidden, labels = small(name).pretraining(tf.constant(HISTORY), SEED)
    assert hidden.shape == (len(labels), 8)
    assert labels.dtype == tf.int32
    assert set(labels.numpy()) <= set(HISTORY[HISTORY > 0])


def test_a_seed_decides_all_that_is_random(name):
    backbone = small(name)
    history = tf.constant(HISTORY)

    def total(seed):
        hidden, _ = backbone.pretraining(history, seed)
        return hidden.shape[0], float(tf.reduce_sum(hidden**2))

    assert total(SEED) == total(SEED)
    assert total(None) == total(None)
    is_random = backbone.get_config().get("dropout", 0) > 0
    assert (total(SEED) != total(tf.constant([5, 4]))) == is_random


def batch(history, seed):
    none = tf.zeros([tf.shape(history)[0], 0], tf.int32)
    zero = tf.constant(0)
    return Batch(history, none, none[..., tf.newaxis], none, seed, zero, zero)


def test_pretraining_learns(name):
    model = PretrainModel(
        small(name, channels=16), NUM_ITEMS, loss="softmax", name="model"
    )
    model(tf.zeros([1, 1], tf.int32))
    # Unknown batch and length, as in training.
    ids = tf.TensorSpec([None, None], tf.int32)
    optimizer = tf.keras.optimizers.legacy.Adam(0.02)

    @tf.function(input_signature=[ids, tf.TensorSpec([2], tf.int32)])
    def step(history, seed):
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(batch(history, seed))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    validate = tf.function(model.full_loss, input_signature=[ids])
    start = np.arange(12)[:, np.newaxis]
    history = ((start + np.arange(8)) % (NUM_ITEMS - 2) + 2).astype(np.int32)
    before, count = validate(history)
    for number in range(20):
        step(history, tf.constant([1, number]))
    after, again = validate(history)
    assert count == again
    assert after < 0.8 * before
    assert model(history).shape == (12, NUM_ITEMS)


def test_a_variable_is_in_the_model_once(name):
    model = PretrainModel(small(name), NUM_ITEMS)
    model(tf.zeros([1, 1], tf.int32))
    references = [variable.ref() for variable in model.variables]
    assert len(set(references)) == len(references)
    shape = [model.backbone.embedding.input_dim, 8]
    tables = [v for v in model.variables if v.shape.as_list() == shape]
    own_head = isinstance(model.head, TargetHead)
    assert len(tables) == 1 + own_head


@pytest.mark.parametrize("actions", [(0, 1, 1), (0, 0, 0), (1, 1, 1)])
def test_routing_users_gives_what_mixing_them_gives(name, actions):
    backbone = strong(name)
    frozen = backbone.blocks[0]
    tuned = twin(frozen, backbone.width)
    for variable in tuned.variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    hidden, mask = backbone.embed(tf.constant(HISTORY[:3]))
    action = tf.constant(actions, tf.float32)
    routed, mixed = (
        RoutedBlock(frozen, tuned, hard=hard)(hidden, action, mask=mask)
        for hard in (True, False)
    )
    close(routed, mixed)


@pytest.mark.parametrize("length", [1, 6, 80])
def test_the_last_position_alone_is_the_same(name, length):
    backbone = strong(name)
    rng = np.random.default_rng(1)
    history = rng.integers(2, NUM_ITEMS, [3, length]).astype(np.int32)
    history[0, : length // 2] = 0
    hidden, _ = backbone.encode(history)
    alone, mask = backbone.encode(history, last_alone=True)
    assert mask.shape == alone.shape[:2]
    close(alone[:, -1], hidden[:, -1])
    if name == "nextitnet":  # blocks of reach 7 and 25
        assert alone.shape[1] == min(length, 25)
