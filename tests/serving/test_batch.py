"""The best items for many users, and the file that they go to."""

import json

import duckdb
import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged
from tfxdr.serving import batch
from tfxdr.serving.batch import Best, best_of_many, write_best

ITEMS, USERS = 9, 25


def _scores(users):
    draw = np.random.default_rng(7).permutation(USERS * ITEMS)
    return draw.reshape(USERS, ITEMS)[users].astype(np.float32)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_best_that_a_user_does_not_have(monkeypatch, size):
    monkeypatch.setattr(batch, "MOST_USERS", size)
    draw = np.random.default_rng(3)
    has = [
        draw.choice(ITEMS, user % (ITEMS + 1), False) for user in range(USERS)
    ]
    known = Ragged.from_rows([row + 2 for row in has])
    users = draw.permutation(USERS)[:20]
    parts = list(
        best_of_many(
            lambda rows: tf.constant(_scores(rows)),
            users,
            known,
            num_items=ITEMS,
            k=4,
        )
    )
    assert len(parts) == -(-len(users) // size)
    rows = [
        row
        for part in parts
        for row in zip(part.user, part.rank, part.item, part.score, strict=True)
    ]
    expected = []
    for user in users:
        own = _scores([user])[0]
        left = [i for i in np.argsort(-own) if i not in has[user]][:4]
        expected += [(user, n, i, own[i]) for n, i in enumerate(left, 1)]
    assert rows == expected


def test_more_than_there_are_is_all_of_them():
    (part,) = best_of_many(
        lambda rows: tf.constant(_scores(rows)),
        np.arange(1),
        Ragged.from_rows([[2, 5]] + [[]] * (USERS - 1)),
        num_items=ITEMS,
        k=100,
    )
    assert sorted(part.item.tolist()) == [1, 2, 4, 5, 6, 7, 8]


def _answers():
    for start in (0, 2):
        user = np.repeat(np.arange(start, start + 2), 3)
        yield Best(
            user,
            np.tile(np.arange(1, 4, dtype=np.int32), 2),
            (user + np.tile([2, 0, 1], 2)) % 5,
            np.linspace(1, 0, 6, dtype=np.float32) / 3,
        )


NAMES = np.array(["a,1", ' "b"', "c\nd", "é", "007"], object)
PEOPLE = np.array([b"u1", b"u 2", "ü".encode(), b"1,5"], object)


@pytest.mark.parametrize("titled", [True, False])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_what_is_written_is_read_back(tmp_path, monkeypatch, suffix, titled):
    monkeypatch.setattr(batch, "ROWS", 4)
    path = tmp_path / f"it's [x].{suffix}"
    titles = np.array(["A", "", "C", "D", "E"], object) if titled else None
    path.write_text("old")
    lines = write_best(
        path, _answers(), users=PEOPLE, items=NAMES, titles=titles
    )
    assert lines == 12
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    expected = [
        {
            "user": PEOPLE[user].decode(),
            "rank": int(rank),
            "item": NAMES[item],
            "score": float(score),
        }
        | ({"title": titles[item]} if titled else {})
        for part in _answers()
        for user, rank, item, score in zip(
            part.user, part.rank, part.item, part.score, strict=True
        )
    ]
    if suffix == "jsonl":
        found = [json.loads(line) for line in path.open(encoding="utf-8")]
    else:
        reader = (
            f"read_{suffix}(?)"
            if suffix == "parquet"
            else ("read_csv(?, header=true, all_varchar=true)")
        )
        table = duckdb.execute(f"SELECT * FROM {reader}", [str(path)])
        keys = [column[0] for column in table.description]
        found = [dict(zip(keys, row, strict=True)) for row in table.fetchall()]
    for row, wanted in zip(found, expected, strict=True):
        assert list(row) == list(wanted)
        assert float(row["score"]) == pytest.approx(wanted["score"], rel=1e-6)
        assert int(row["rank"]) == wanted["rank"]
        for key in ("user", "item", *(["title"] if titled else [])):
            assert (row[key] or "") == wanted[key]


def test_nobody_gets_a_file_with_a_head(tmp_path):
    path = tmp_path / "x.csv"
    assert not write_best(
        path, iter(()), users=PEOPLE, items=NAMES, titles=None
    )
    assert path.read_text() == "user,rank,item,score\n"


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")

    def failing():
        yield from _answers()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_best(path, failing(), users=PEOPLE, items=NAMES, titles=None)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_another_format_is_refused(tmp_path):
    with pytest.raises(InputError, match="ends in one of .parquet, .csv, .js"):
        write_best(
            tmp_path / "x.xlsx",
            _answers(),
            users=PEOPLE,
            items=NAMES,
            titles=None,
        )
