"""Weights that an earlier run has found."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.conet import CoNet
from tfxdr.errors import InputError
from tfxdr.evaluation.behaviors import BehaviorWeights
from tfxdr.registry import meta_learners
from tfxdr.testing.meta_learners import META_LEARNER
from tfxdr.types import FIRST_ITEM, Items, JointSizes

# (user, item): log-importance; one stands twice.
BEHAVIORS = [
    (0, 2, 0.5),
    (0, 3, -1.0),
    (3, 2, 1.5),
    (3, 4, 0.0),
    (3, 4, 1.0),
]


def written(folder, behaviors=BEHAVIORS):
    user, item, log = map(np.array, zip(*behaviors, strict=True))
    weights = BehaviorWeights(
        user.astype(np.int32),
        item.astype(np.int32),
        np.full(len(user), 2, np.int32),
        log.astype(np.float32),
    )
    weights.save(folder / "behavior_weights.npz")
    return folder


def found(folder, options=""):
    return meta_learners.build(f'found(run="{folder}"{options})')


def asked(make_batch, pairs):
    user, item = map(tf.constant, zip(*pairs, strict=True))
    source = Items(item, tf.ones_like(item))
    return make_batch(len(pairs), user=FIRST_ITEM + user, source=source)


def test_every_behavior_has_the_importance_that_was_found(tmp_path, make_batch):
    batch = asked(make_batch, [(0, 2), (0, 3), (3, 2), (3, 4)])
    importance = found(written(tmp_path)).importance(None, batch).numpy()
    # Counted from the average behavior, whose weight is 1.
    logs = np.array([log for *_, log in BEHAVIORS])
    mean = np.log(np.exp(logs).mean())
    np.testing.assert_allclose(
        importance, np.array([0.5, -1.0, 1.5, 0.5]) - mean, rtol=1e-5
    )


def test_what_was_not_weighed_counts_as_others_on_the_item(
    tmp_path, make_batch
):
    meta = found(written(tmp_path))
    known, unknown, *never = meta.importance(
        None, asked(make_batch, [(0, 2), (1, 2), (0, 9), (7, 0), (0, 5)])
    ).numpy()
    # Users 0 and 3 have 0.5 and 1.5 of item 2.
    assert unknown - known == pytest.approx(0.5, abs=1e-5)
    np.testing.assert_array_equal(never, 0)


def test_weights_add_up_to_the_option(tmp_path, make_batch):
    meta = found(written(tmp_path), ",weight=2")
    weights = meta.weights(None, asked(make_batch, [(0, 2), (0, 3)])).numpy()
    assert weights.sum() == pytest.approx(2)
    assert weights[0] / weights[1] == pytest.approx(np.exp(1.5), rel=1e-5)


def test_importances_far_apart_stay_finite(tmp_path, make_batch):
    """As an unbounded perceptron may leave them."""
    far = [(0, 2, 900.0), (0, 3, -900.0)]
    meta = found(written(tmp_path, far))
    batch = asked(make_batch, [(0, 3), (0, 3)])
    assert np.isfinite(meta.importance(None, batch)).all()
    np.testing.assert_allclose(meta.weights(None, batch), 0.5)


@pytest.mark.parametrize("promise", META_LEARNER.promises)
def test_it_keeps_the_promises_of_its_kind(promise, tmp_path):
    META_LEARNER.check_promise(promise, f'found(run="{written(tmp_path)}")')


def test_a_run_without_weights_is_refused(tmp_path):
    with pytest.raises(InputError, match="such as bip, found no .*none"):
        found(tmp_path / "none")


def test_no_weight_below_zero(tmp_path):
    with pytest.raises(InputError, match="0 or more. Received: -1"):
        found(written(tmp_path), ",weight=-1")


@pytest.mark.parametrize("behavior", [(90, 2, 0.0), (0, 90, 0.0)])
def test_a_run_of_other_data_is_refused(tmp_path, behavior):
    meta = found(written(tmp_path, [*BEHAVIORS, behavior]))
    sizes = JointSizes(12, 15, 13, 5, 4)
    with pytest.raises(InputError, match="of the same data, with at most 10"):
        meta.build(CoNet(sizes, embedding_size=3, hidden=(6, 4)))
