import numpy as np
import pytest

from tfxdr.data.splits import TRAIN
from tfxdr.datasets.synthetic import Synthetic
from tfxdr.errors import InputError
from tfxdr.registry import datasets


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    from tfxdr.data.prepare import prepare

    return prepare(Synthetic(), cache_dir=tmp_path_factory.mktemp("cache"))


def groups(titles, position):
    """Taste (0) or style (1) of each item, from its title."""
    return np.array([title.split(", ")[position] for title in titles])


def test_shape(data):
    counts = data.manifest["counts"]
    assert counts["users"] == counts["shared_users"] == 4000
    assert counts["source_items"] == 600
    assert counts["target_items"] > 290
    assert counts["history_length"]["min"] == 5
    assert counts["history_length"]["max"] == 30
    assert counts["targets_per_user"]["min"] == 1
    assert counts["targets_per_user"]["max"] == 6
    assert counts["duplicate_targets"] == 0


def test_the_same_seed_is_the_same_data(prepared, tmp_path):
    first = prepared(Synthetic(users=60, seed=3))
    again = prepared(Synthetic(users=60, seed=3), max_history=99)
    other = prepared(Synthetic(users=60, seed=4))
    assert first.folder != again.folder
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_the_last_taste_tells_the_target_of_calm_users(data):
    users = data.users()
    source_taste = groups(data.source_titles, 0)
    target_taste = groups(data.target_titles, 0)
    last = users.history.values[users.history.offsets[1:] - 1]
    first = users.target.values[users.target.offsets[:-1]]
    same = source_taste[last - 2] == target_taste[first - 2]
    calm = users.attributes["temper"] == "calm"
    assert same[calm].mean() > 0.75
    assert same[~calm].mean() < 0.3


def test_styles_tell_the_target_of_restless_users(data):
    users = data.users()
    style = groups(data.source_titles, 1)
    aisle = groups(data.target_titles, 1)
    agreed = []
    for row in np.flatnonzero(users.attributes["temper"] == "restless"):
        last = style[users.history[row][-5:] - 2].tolist()
        mood = max(last, key=last.count).replace("style", "aisle")
        agreed.append(aisle[users.target[row][0] - 2] == mood)
    assert np.mean(agreed) > 0.6


def test_styles_do_not_tell_the_next_source_item(data):
    style = np.unique(groups(data.source_titles, 1), return_inverse=True)[1]
    history = data.users().history
    inside = np.ones(len(history.values), bool)
    inside[history.offsets[:-1]] = False
    inside = np.flatnonzero(inside)
    now, before = history.values[inside], history.values[inside - 1]
    different = now != before
    same = style[now - 2] == style[before - 2]
    by_chance = (
        np.bincount(style[history.values - 2]) / len(history.values)
    ) ** 2
    assert abs(same[different].mean() - by_chance.sum()) < 0.04


def test_popularity_does_not_solve_it(data):
    users = data.users()
    train = np.bincount(
        users.targets(TRAIN).values, minlength=data.num_target_items
    )
    top = np.argsort(-train)[:5]
    test = users.target.values[users.split == 2]
    assert np.isin(test, top).mean() < 0.2


def test_the_splits_by_time_keep_all_histories(prepared):
    data = prepared(Synthetic(users=200), split="time")
    assert data.manifest["counts"]["late_events"] == 0
    assert data.manifest["counts"]["test"] > 0


@pytest.mark.parametrize(
    "option", ["users=0", "tastes=2", "source_items=30", "seed=-1"]
)
def test_options_out_of_range(option):
    name = option.partition("=")[0]
    with pytest.raises(InputError, match=f"{name} should be at least"):
        datasets.build(f"synthetic({option})")
