"""Biases that joint models start from: of the target, and of both domains."""

import types

import numpy as np
import pytest

from tfxdr.data.joint.examples import JointData
from tfxdr.data.users import Users
from tfxdr.experiments.joint_baselines import LabelBaselines
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM

NUM_USERS, SOURCE, TARGET = 400, 20, 5
DATA = types.SimpleNamespace(
    num_source_items=FIRST_ITEM + 30,
    num_target_items=FIRST_ITEM + 10,
    source_categories=None,
    target_categories=None,
)
TASK = types.SimpleNamespace(test=lambda score, users: {})


def examples(rated=True, alike=True, meta_fraction=0.0):
    """Of users who like much or little, in both domains alike or not."""
    random = np.random.default_rng(3)
    rows = [
        [FIRST_ITEM + random.permutation(most)[:few] for _ in range(NUM_USERS)]
        for most, few in ((30, SOURCE), (10, TARGET))
    ]
    history, target = map(Ragged.from_rows, rows)
    mood = random.normal(size=NUM_USERS)
    moods = mood, mood if alike else random.normal(size=NUM_USERS)
    rating = [
        np.clip(
            np.rint(3.5 + one[items.row_of_value] + random.normal(size=size)),
            1,
            5,
        ).astype(np.float32)
        for one, items, size in (
            (moods[0], history, NUM_USERS * SOURCE),
            (moods[1], target, NUM_USERS * TARGET),
        )
    ]
    split = np.tile([0, 0, 0, 1, 2], NUM_USERS).astype(np.int8)
    users = Users(
        ids=np.array([b"u%03d" % row for row in range(NUM_USERS)], object),
        history=history,
        target=target,
        split=split,
        history_rating=rating[0] if rated else None,
        target_rating=rating[1],
    )
    return JointData.of(
        DATA, users, history_length=4, meta_fraction=meta_fraction, seed=0
    )


def test_what_users_are_like_in_one_domain_tells_of_the_other():
    alone, shared = LabelBaselines(examples(), 0).rows(TASK)
    assert (alone.name, shared.name) == ("bias", "shared bias")
    assert shared.metrics["auc"] > alone.metrics["auc"] + 0.02
    assert shared.metrics["log_loss"] < alone.metrics["log_loss"]


def test_where_it_tells_nothing_it_does_no_harm():
    alone, shared = LabelBaselines(examples(alike=False), 0).rows(TASK)
    assert shared.metrics["auc"] == pytest.approx(
        alone.metrics["auc"], abs=0.02
    )


def test_events_without_ratings_tell_nothing_of_users():
    baselines = LabelBaselines(examples(rated=False), 0)
    assert [row.name for row in baselines.rows(TASK)] == ["bias"]
    one, other = (baselines.start(shared=shared) for shared in (False, True))
    np.testing.assert_array_equal(one.user, other.user)


@pytest.mark.parametrize("meta_fraction", [0.0, 0.3])
def test_a_model_starts_from_what_trains(meta_fraction):
    data = examples(meta_fraction=meta_fraction)
    baselines = LabelBaselines(data, 0)
    alone, shared = (baselines.start(shared=shared) for shared in (False, True))
    assert alone.user.shape == [FIRST_ITEM + NUM_USERS]
    # Three target ratings tell less of a user than they and twenty others.
    assert np.std(shared.user[FIRST_ITEM:]) > np.std(alone.user[FIRST_ITEM:])
    whole = LabelBaselines(examples(), 0).start(shared=True)
    same = np.allclose(whole.user, shared.user)
    assert same == (meta_fraction == 0)
