"""Attributes as targets: ids, splits by user, and what is refused."""

import collections
import gzip

import numpy as np
import pytest

from tfxdr.data.batches import FinetuneBatches
from tfxdr.data.profile import profile_users
from tfxdr.data.splits import TEST, TRAIN, UNUSED, VALIDATION
from tfxdr.data.users import Users
from tfxdr.datasets.movielens import MovieLens
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM

FRACTIONS = (0.8, 0.05, 0.15)


def make_users(values, **attributes):
    """Users who had two timed and rated target items each."""
    rows = len(values)
    histories = [[2] * (row % 3) for row in range(rows)]  # some are empty
    return Users(
        ids=np.array([f"user {row}".encode() for row in range(rows)], object),
        history=Ragged.from_rows(histories),
        target=Ragged.from_rows([[7, 8]] * rows),
        split=np.tile(np.array([TRAIN, TEST], np.int8), rows),
        attributes={"class": np.array(values), **attributes},
        target_time=np.zeros(2 * rows, np.int64),
        target_rating=np.zeros(2 * rows, np.float32),
    )


def profiled(users, seed=0, fractions=FRACTIONS):
    return profile_users(users, "class", split_fractions=fractions, seed=seed)


def split_of_user(users):
    """Raw id to its part, of those with a target."""
    has_target = users.ids[users.target.lengths > 0]
    return dict(zip(has_target.tolist(), users.split.tolist(), strict=True))


@pytest.fixture
def users():
    """900 users: 500 of b, 200 of c, 100 of a, 100 unknown."""
    values = np.array(["b"] * 500 + ["c"] * 200 + ["a"] * 100 + [""] * 100)
    return make_users(np.random.default_rng(1).permutation(values).tolist())


def test_a_class_is_a_target_item(users):
    result, names = profiled(users)
    assert names == ("b", "c", "a")
    for row, value in enumerate(users.attributes["class"].tolist()):
        expected = [FIRST_ITEM + names.index(value)] if value else []
        assert result.target[row].tolist() == expected
    assert result.target.values.dtype == np.int32
    assert result.split.dtype == np.int8
    assert len(result.split) == len(result.target.values) == 800


def test_ties_go_by_name():
    rare = ["z", "Z", "é", "z", "Z", "é"] * 50 + ["last"] * 299
    assert profiled(make_users(rare))[1] == ("last", "Z", "z", "é")


def test_all_but_targets_stays(users):
    result, _ = profiled(users)
    assert result.ids is users.ids
    assert result.history is users.history
    assert result.attributes is users.attributes
    assert result.target_time is None and result.target_rating is None
    empty = users.history.lengths == 0
    known = users.attributes["class"] != ""
    assert (result.target.lengths[empty] == known[empty]).all()


def test_the_input_is_left_alone(users):
    profiled(users)
    assert set(users.target.values.tolist()) == {7, 8}
    assert len(users.split) == 1800


def test_shares_of_users():
    values = ["a", "b"] * 10_000
    result, _ = profiled(make_users(values))
    shares = np.bincount(result.split) / len(values)
    np.testing.assert_allclose(shares, FRACTIONS, atol=0.01)
    classes = [result.targets(part).values for part in range(3)]
    for values in classes:  # drawn without regard to the class
        assert abs(values.mean() - FIRST_ITEM - 0.5) < 0.05


def test_a_split_depends_on_seed_and_raw_id_alone(users):
    result, _ = profiled(users, seed=3)
    expected = split_of_user(result)
    order = np.random.default_rng(0).permutation(len(users))[:600]
    fewer = make_users(["y", "x"] * 300)
    fewer.ids[:] = users.ids[order]
    found = split_of_user(profiled(fewer, seed=3)[0])
    common = found.keys() & expected.keys()
    assert len(common) > 400
    assert all(found[raw] == expected[raw] for raw in common)
    other = split_of_user(profiled(users, seed=4)[0])
    assert sum(other[raw] != expected[raw] for raw in other) > 100


def test_a_larger_training_share_holds_a_smaller_one(users):
    training = [
        (profiled(users, fractions=(share, 0.1, 0.9 - share))[0].split == TRAIN)
        for share in (0.2, 0.4, 0.8)
    ]
    assert training[0].sum() < training[1].sum() < training[2].sum()
    assert not (training[0] & ~training[1]).any()
    assert not (training[1] & ~training[2]).any()


def test_train_fractions_nest_over_the_whole_training_split(users):
    result, _ = profiled(users)
    count = (result.split == TRAIN).sum()
    kept = [
        result.keep_train_fraction(fraction, seed=2).split
        for fraction in (0.1, 0.5)
    ]
    for fraction, split in zip((0.1, 0.5), kept, strict=True):
        assert (split == TRAIN).sum() == round(fraction * count)
        changed = split != result.split
        assert set(result.split[changed].tolist()) == {TRAIN}
        assert set(split[changed].tolist()) == {UNUSED}
    assert not ((kept[0] == TRAIN) & (kept[1] != TRAIN)).any()
    # Both draws are of the user: were they one, a share of the training
    # split would be those who are in it for the smallest fractions already.
    small = profiled(users, fractions=(0.08, 0.77, 0.15))[0].split == TRAIN
    assert (small & (kept[0] == TRAIN)).sum() < small.sum() / 2


def test_fine_tuning_reads_it(users):
    result, names = profiled(users)
    batches = FinetuneBatches(
        result.history,
        result.targets(TRAIN),
        num_items=FIRST_ITEM + len(names),
        batch_size=64,
        targets_per_user=32,
        num_negatives=1,
        seed=0,
    )
    seen = collections.Counter()
    for batch in batches.epoch(0):
        assert batch.positives.shape[1] == 1
        assert (batch.negatives[:, :, 0] != batch.positives).numpy().all()
        seen.update(batch.positives.numpy().ravel().tolist())
    assert seen == collections.Counter(result.targets(TRAIN).values.tolist())


def test_unknown_attribute(users):
    with pytest.raises(
        InputError,
        match=r"--attribute: .* have \(age, class\), found 'gender'",
    ):
        profile_users(
            make_users(["a"], age=np.array(["5"])),
            "gender",
            split_fractions=FRACTIONS,
            seed=0,
        )


def test_data_without_attributes():
    users = make_users(["a", "b"])
    users.attributes.clear()
    with pytest.raises(InputError, match="--attribute=class.*no attributes"):
        profiled(users)


@pytest.mark.parametrize(
    ("values", "found"),
    [(["", "a", "a"], "only 'a'"), (["", ""], "no user with a value")],
)
def test_fewer_than_two_classes(values, found):
    with pytest.raises(
        InputError, match=f"--attribute=class: .* two classes, found {found}"
    ):
        profiled(make_users(values))


@pytest.mark.parametrize(
    ("fractions", "name"),
    [
        ((0, 0.5, 0.5), "training"),
        ((0.5, 0, 0.5), "validation"),
        ((0.5, 0.5, 0), "test"),
    ],
)
def test_an_empty_split(users, fractions, name):
    with pytest.raises(
        InputError,
        match=f"the {name} split holds none of the 800 .*--split_fractions",
    ):
        profiled(users, fractions=fractions)


@pytest.mark.large
def test_gender_in_movielens_1m(data_root, prepared):
    path = data_root / "ml-1m"
    if not path.is_dir():
        pytest.skip(f"{path} is absent")
    with gzip.open(path / "users.dat.gz", "rt", encoding="latin-1") as file:
        gender = dict(line.split("::")[:2] for line in file)
    users, names = profile_users(
        prepared(MovieLens(str(path))).users(),
        "gender",
        split_fractions=FRACTIONS,
        seed=0,
    )
    assert names == ("M", "F")
    found = {
        raw.decode(): names[row[0] - FIRST_ITEM]
        for raw, row in zip(users.ids, users.target, strict=True)
    }
    assert found == gender  # all 6040 users are in the data
    assert collections.Counter(gender.values()) == {"M": 4331, "F": 1709}
    shares = [len(users.targets(split).values) / 6040 for split in range(3)]
    np.testing.assert_allclose(shares, FRACTIONS, atol=0.015)
    assert VALIDATION in users.split
