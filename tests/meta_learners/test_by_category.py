"""A learned weight for each category."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import meta_learners
from tfxdr.types import Items

CATEGORIES = np.array(["a", "b", "", "a"], object)


def built(model, text="by-category", categories=CATEGORIES):
    meta = meta_learners.build(text, source_categories=categories)
    meta.build(model.backbone)
    return meta


def test_weights_by_hand(make_model, make_batch):
    meta = built(make_model())
    batch = make_batch(
        4, source=Items(tf.constant([2, 3, 5, 4]), tf.constant([2, 3, 2, 1]))
    )
    np.testing.assert_allclose(meta.weights(None, batch), np.full(4, 0.25))
    meta.table.prior.assign(2.0)
    meta.table.table.assign([0.0, 0.0, np.log(3.0), 0.0, 0.0])
    found = meta.weights(None, batch)
    np.testing.assert_allclose(found, 2 * np.array([3, 1, 3, 1]) / 8, rtol=1e-6)
    meta.table.prior.assign(-0.1)
    np.testing.assert_array_equal(meta.weights(None, batch), 0)


def test_a_bound_of_what_one_counts_beside_another(make_model, make_batch):
    meta = built(make_model(), "by-category(bound=1.5)")
    meta.table.table.assign([0.0, 0.0, 100.0, -100.0, 0.0])
    category = tf.constant([2, 3])
    batch = make_batch(2, source=Items(category, category))
    first, second = meta.weights(None, batch).numpy()
    np.testing.assert_allclose(first / second, np.exp(3.0), rtol=1e-5)


def test_an_update_moves_the_categories_of_the_batch(make_model, make_batch):
    model = make_model()
    meta = built(model, "by-category(optimizer=sgd,learning_rate=1)")
    category = tf.constant([2, 3] * 4)
    batch = make_batch(
        8, source=Items(category, category), has_source=tf.ones([8])
    )
    gradients = meta.hypergradient(model, batch, make_batch(seed=1))
    meta.update(model, batch, make_batch(seed=1))
    moved = meta.table.table.numpy()
    assert np.abs(moved[2:4]).min() > 0
    np.testing.assert_array_equal(moved[[0, 1, 4]], 0)
    # Shares of one whole: what one category gains the other one loses.
    np.testing.assert_allclose(moved.sum(), 0, atol=1e-6)
    assert len(gradients) == len(meta.meta_variables) == 2


def test_a_prior_that_is_held(make_model, make_batch):
    """As how much the source counts falls to 0, so does every gradient."""
    text = "by-category(optimizer=sgd,learning_rate=1{})"
    made = []
    for more in ("", ",learn_prior=false"):
        model = make_model()
        meta = built(model, text.format(more))
        meta.update(model, make_batch(), make_batch(seed=1))
        made.append(meta)
    learned, held = made
    assert learned.table.prior.numpy() != 1 == held.table.prior.numpy()
    np.testing.assert_allclose(held.table.table, learned.table.table, rtol=1e-6)
    assert np.abs(held.table.table).max() > 0
    learned.table.prior.assign(-0.1)
    before = learned.table.table.numpy()
    learned.update(model, make_batch(), make_batch(seed=1))
    np.testing.assert_array_equal(learned.table.table, before)


@pytest.mark.parametrize("categories", [None, np.array(["", ""], object)])
def test_needs_categories(make_model, categories):
    with pytest.raises(InputError, match="the data have none; use"):
        built(make_model(), categories=categories)


def test_needs_both_domains(make_model):
    message = "--meta=by-category .* --backbone=conet leaves the source"
    with pytest.raises(InputError, match=message):
        built(make_model(only_target=True))


def test_a_bound_below_zero(make_model):
    with pytest.raises(ValueError, match="bound should be >= 0, received -1"):
        built(make_model(), "by-category(bound=-1)")
