"""Joint models that add to given biases."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.pair_bias import PairBias
from tfxdr.models.joint import JointModel
from tfxdr.registry import backbones
from tfxdr.types import Items, JointBatch, JointSizes

SIZES = JointSizes(6, 9, 8, 1, 1)
USER = np.array([0.0, 0.0, 1.5, -2.0, 0.5, 0.0])
ITEM = np.array([0.0, 0.0, 3.0, 0.25, -1.0, 0.5, 0.0, 2.0])
ROWS = 5


def make(biases=True, **options):
    tf.keras.utils.set_random_seed(2)
    return JointModel(
        backbones.build("conet(embedding_size=3,hidden=[6,4])", sizes=SIZES),
        biases=PairBias(USER, ITEM) if biases else None,
        **options,
    )


@pytest.fixture
def batch():
    random = np.random.default_rng(1)
    target = Items(
        tf.constant(random.integers(2, 8, ROWS), tf.int32),
        tf.zeros(ROWS, tf.int32),
    )
    source = Items(
        tf.constant(random.integers(2, 9, ROWS), tf.int32),
        tf.zeros(ROWS, tf.int32),
    )
    history = Items(*(tf.zeros([ROWS, 2], tf.int32),) * 2)
    return JointBatch(
        user=tf.constant(random.integers(2, 6, ROWS), tf.int32),
        source=source,
        target=target,
        source_label=tf.constant([0.0, 1.0, 1.0, 0.0, 1.0]),
        target_label=tf.constant([1.0, 1.0, 0.0, 0.0, 1.0]),
        has_source=tf.ones(ROWS),
        source_history=history,
        target_history=history,
        seed=tf.constant([1, 2]),
        step=tf.constant(0),
        epoch=tf.constant(0),
    )


def given(batch):
    return USER[batch.user.numpy()] + ITEM[batch.target.item.numpy()]


def losses(logit, label):
    return np.logaddexp(0, logit) - label * logit


def test_they_stand_below_every_head_of_the_target(batch):
    model, plain = make(), make(biases=False)
    for ours, theirs in zip(
        (model.target_head, model.replacement_head),
        (plain.target_head, plain.replacement_head),
        strict=True,
    ):
        np.testing.assert_allclose(ours.kernel, 0.1 * theirs.kernel, rtol=1e-6)
        theirs.set_weights(ours.get_weights())
    source, target = plain.logits(batch)
    label = batch.target_label.numpy()
    expected = target.numpy() + given(batch)
    np.testing.assert_allclose(model.logits(batch)[1], expected, rtol=1e-5)
    np.testing.assert_array_equal(model.logits(batch)[0], source)
    np.testing.assert_allclose(
        model.target_logit(batch.user, batch.source, batch.target),
        expected,
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        model.example_losses(batch)[1], losses(expected, label), rtol=1e-5
    )
    vector = model.target_vector(batch)
    replaced = plain.replacement_head(vector)[:, 0] + given(batch)
    np.testing.assert_allclose(
        model.replacement_loss(vector, batch),
        np.mean(losses(replaced.numpy(), label)),
        rtol=1e-5,
    )


def test_the_catalogue_is_ordered_with_them_unless_a_ranking_is_learned(batch):
    table = Items(tf.range(8), tf.zeros(8, tf.int32))
    asked = batch.user, batch.source
    model = make()
    scores = model.score_items(*asked, table)
    for column, item in enumerate(range(8)):
        one = Items(tf.fill([ROWS], item), tf.zeros(ROWS, tf.int32))
        np.testing.assert_allclose(
            scores[:, column], model.target_logit(*asked, one), rtol=1e-5
        )
    ranks, plain = (
        make(biases, counts=np.ones(8)).score_items(*asked, table)
        for biases in (True, False)
    )
    np.testing.assert_allclose(ranks, plain)


def test_they_are_kept_and_do_not_train(batch, tmp_path):
    model = make()
    names = [variable.ref() for variable in model.variables_to_train]
    assert not {v.ref() for v in model.biases.variables} & set(names)
    path = tf.train.Checkpoint(model=model).write(str(tmp_path / "weights"))
    other = JointModel(
        backbones.build("conet(embedding_size=3,hidden=[6,4])", sizes=SIZES),
        biases=PairBias(0 * USER, 0 * ITEM),
    )
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    np.testing.assert_array_equal(
        other.logits(batch)[1], model.logits(batch)[1]
    )
