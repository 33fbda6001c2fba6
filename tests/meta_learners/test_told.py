"""Weights that are given, and not learned."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import meta_learners
from tfxdr.types import Items

CATEGORIES = np.array(["bad-1", "good", "bad-2", ""], object)


def oracle(text="oracle(category=bad)", categories=CATEGORIES):
    return meta_learners.build(text, source_categories=categories)


def weights(meta, make_batch, item):
    """Of a batch of these source items."""
    item = tf.constant(item)
    batch = make_batch(len(item), source=Items(item, tf.ones_like(item)))
    return meta.weights(None, batch).numpy()


def test_what_counts_shares_all_weight(make_batch):
    """Items 2 to 5 as in the table, 0 is none and 1 is unknown."""
    found = weights(oracle(), make_batch, [2, 3, 4, 5, 1, 0])
    np.testing.assert_allclose(found, [0, 1 / 3, 0, 1 / 3, 1 / 3, 0])


def test_a_weight_of_all_that_counts(make_batch):
    found = weights(
        oracle("oracle(category=good,weight=4)"), make_batch, [2, 3, 4]
    )
    np.testing.assert_allclose(found, [2, 0, 2])


def test_where_nothing_counts_all_are_zero(make_batch):
    np.testing.assert_array_equal(weights(oracle(), make_batch, [2, 4]), 0)


def test_it_is_no_competitor():
    assert oracle().is_told
    assert not meta_learners.build("none").is_told


@pytest.mark.parametrize(
    ("text", "categories", "message"),
    [
        ("category=worse", CATEGORIES, "such as bad, good; received 'worse'"),
        ("category=a", np.array(["a", "a"], object), "such as a; received"),
        ("category=a", None, "which have none; received 'a'"),
        ("category=bad,weight=-1", CATEGORIES, "0 or more. Received: -1"),
    ],
)
def test_what_it_cannot_be_told(text, categories, message):
    with pytest.raises(InputError, match=message):
        oracle(f"oracle({text})", categories)


@pytest.mark.parametrize("weight", [0.0, 0.5, 4.0])
def test_a_constant_is_of_the_whole_domain(make_batch, weight):
    meta = meta_learners.build(f"constant(weight={weight})")
    found = weights(meta, make_batch, [2, 3, 4, 5])
    np.testing.assert_allclose(found, np.full(4, weight / 4))


def test_a_constant_below_zero():
    with pytest.raises(InputError, match="weight should be 0 or more"):
        meta_learners.build("constant(weight=-0.5)")
