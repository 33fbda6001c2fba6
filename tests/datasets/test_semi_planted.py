"""Real data with source behaviors that belong to other users."""

import duckdb
import numpy as np
import pytest

from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.errors import InputError
from tfxdr.registry import datasets

PLANTED = "planted(users=60,source_items=80)"


def rows(source, table="source"):
    """Of a source's table, by item and user."""
    with duckdb.connect() as connection:
        source.load(connection, Rejects(0))
        found = connection.execute(
            f"SELECT * FROM {table} ORDER BY row"
        ).fetchnumpy()
        kinds = dict(
            connection.execute(
                "SELECT item, category FROM source_categories"
            ).fetchall()
        )
        return found, kinds, source.counts(connection)


def semi(**options):
    return datasets.create("semi-planted", source=PLANTED, **options)


@pytest.fixture(scope="module")
def whole():
    return rows(datasets.build(PLANTED))[0]


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_share_of_behaviors_is_another_users(whole, share):
    found, kinds, counts = rows(semi(share=share))
    for column in ("item", "rating", "row"):
        np.testing.assert_array_equal(found[column], whole[column])
    swapped = np.array([kinds[i].startswith("swapped-") for i in found["item"]])
    assert abs(swapped.mean() - share) < 0.05
    assert counts["swapped_behaviors"] == swapped.sum()
    assert ((found["user"] != whole["user"]) == swapped).all()
    same = ~swapped
    np.testing.assert_array_equal(found["time"][same], whole["time"][same])
    assert {kind for kind in kinds.values()} == {
        f"{kind}-{number}"
        for kind in ("kept", "swapped")
        for number in (1, 2, 3, 4)
    }


def test_each_user_gets_those_of_one_other(whole):
    found, kinds, _ = rows(semi())
    swapped = np.array([kinds[i].startswith("swapped-") for i in found["item"]])
    pairs = {*zip(whole["user"][swapped], found["user"][swapped], strict=True)}
    assert len(pairs) == len({one for one, _ in pairs}) == 60
    assert {other for _, other in pairs} == {*whole["user"]}
    own = {}
    for user, time in zip(whole["user"], whole["time"], strict=True):
        own.setdefault(user, set()).add(time)
    for user, time in zip(found["user"], found["time"], strict=True):
        assert time in own[user]


def test_the_target_stays_and_the_seed_decides():
    first, again, other = (
        rows(semi(seed=seed), table)
        for seed, table in ((1, "source"), (1, "source"), (2, "source"))
    )
    np.testing.assert_array_equal(first[0]["user"], again[0]["user"])
    assert first[1] == again[1] != other[1]
    target = rows(semi(), "target")[0]
    expected = rows(datasets.build(PLANTED), "target")[0]
    for column, values in expected.items():
        np.testing.assert_array_equal(target[column], values)


def test_data_without_categories_or_times(tmp_path):
    lines = [f"u{u},{i},4" for u in range(6) for i in range(u, u + 8)]
    for name in ("a", "b"):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(["user,item,rating", *lines]))
    source = (
        f"events(source={tmp_path}/a.csv,target={tmp_path}/b.csv,"
        "rating=rating,time='',source_min=1,target_min=1)"
    )
    made = datasets.create("semi-planted", source=source, share=0.4)
    found, kinds, _ = rows(made)
    assert len(found["user"]) == len(lines)
    assert {kind[:-2] for kind in kinds.values()} == {"kept", "swapped"}
    assert [path.name for path in made.files()] == ["a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("semi-planted", r"expected a data set, such as .* found none"),
        (f"semi-planted(source={PLANTED},share=1)", "below 1, found 1"),
        (f"semi-planted(source={PLANTED},seed=-1)", "at least 0, found -1"),
        ("semi-planted(source=nothing)", "nothing"),
        ("semi-planted(source=planted(users=1))", "two source users or more"),
    ],
)
def test_what_it_cannot_be_told(text, message):
    with pytest.raises(InputError, match=message):
        rows(datasets.build(text))
