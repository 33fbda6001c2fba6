"""A split that comes with the data."""

import numpy as np
import pytest

from tfxdr.data.splits import TEST, TRAIN, VALIDATION
from tfxdr.datasets.events import Events
from tfxdr.datasets.synthetic import Synthetic
from tfxdr.errors import InputError

ROWS = 400


@pytest.fixture
def events(tmp_path):
    """Makes a source of target rows whose splits are given."""

    def make(splits, name="split", **options):
        source, target = tmp_path / "s.csv", tmp_path / "t.csv"
        source.write_text(
            "user,item\n" + "".join(f"u{n % 40},s{n}\n" for n in range(80))
        )
        target.write_text(
            f"user,item,{name}\n"
            + "".join(
                f"u{n % 40},t{n // 10:03},{split}\n"
                for n, split in enumerate(splits)
            )
        )
        return Events(source, target, time="", split=name, **options)

    return make


def by_pair(data):
    users = data.users()
    return {
        (users.ids[row].decode(), data.target_ids[item - 2]): int(split)
        for row, item, split in zip(
            users.target.row_of_value,
            users.target.values,
            users.split,
            strict=True,
        )
    }


def test_it_is_taken_as_it_is(events, prepared):
    words = ("train", "Valid", " test ", "TRAINING", "dev", "validation")
    codes = (TRAIN, VALIDATION, TEST, TRAIN, VALIDATION, VALIDATION)
    splits = [words[n % 6] for n in range(ROWS)]
    found = by_pair(prepared(events(splits, name="part"), split="column"))
    assert len(found) == ROWS
    for n in range(ROWS):
        assert found[f"u{n % 40}", f"t{n // 10:03}"] == codes[n % 6]


def test_without_validation_some_training_becomes_it(events, prepared):
    splits = ["test" if n % 5 == 0 else "train" for n in range(ROWS)]
    options = {"split": "column", "split_fractions": (0.6, 0.2, 0.2)}
    found = by_pair(prepared(events(splits), **options))
    counts = np.bincount(list(found.values()))
    assert counts[TEST] == ROWS // 5
    assert 50 < counts[VALIDATION] < 110  # a quarter of 320
    again = by_pair(prepared(events(splits), **options))
    other = by_pair(prepared(events(splits), **options, split_seed=1))
    assert found == again != other
    tested = {pair for pair, split in found.items() if split == TEST}
    assert tested == {pair for pair, split in other.items() if split == TEST}


def test_a_word_that_is_no_split_is_a_malformed_row(events, prepared):
    splits = ["train"] * 7 + ["holdout"] + ["test"] * 3
    with pytest.raises(InputError, match=r"t\.csv, line 9.*train, validation"):
        prepared(events(splits), split="column")
    data = prepared(events(splits), split="column", max_bad_rows=1)
    assert data.manifest["counts"]["bad_rows"] == 1


def test_other_splits_do_not_read_it(events, prepared):
    splits = ["train", "test"] * (ROWS // 2)
    data = prepared(events(splits), split="random")
    assert data.manifest["counts"]["validation"] > 0
    assert data.manifest["counts"]["test"] < ROWS // 3


def test_data_without_one_say_so(tmp_path):
    from tfxdr.data.prepare import prepare

    with pytest.raises(InputError, match="--split=column.*synthetic has no"):
        prepare(Synthetic(users=60), split="column", cache_dir=tmp_path)
