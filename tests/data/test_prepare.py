import errno

import duckdb
import numpy as np
import pytest

import tfxdr.data.engines.duckdb_engine
import tfxdr.data.prepare
import tfxdr.data.prepared
import tfxdr.data.writer
from tfxdr.data.prepare import prepare
from tfxdr.data.prepared import PreparedData
from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.datasets.events import Events
from tfxdr.datasets.synthetic import Synthetic
from tfxdr.errors import InputError
from tfxdr.options import Options


class Shop(Source):
    """A plugin's source: rows of (user, item, time)."""

    def __init__(self, source=(), target=(), rating=1.0, categories=None):
        self.rows = {"source": source, "target": target}
        self.rating = rating
        self.categories = categories

    def options(self):
        return {"everything": repr(vars(self))}

    def load(self, connection, rejects):
        for domain, rows in self.rows.items():
            users, items, times = zip(*rows, strict=True)
            columns = {
                "user": np.array(users, object),
                "item": np.array(items, object),
                "time": np.array(times, np.int64),
                "rating": np.full(len(rows), self.rating),
                "row": np.arange(len(rows)),
            }
            insert_arrays(connection, domain, columns)
        for domain, rows in (self.categories or {}).items():
            items, categories = zip(*rows, strict=True)
            columns = {
                "item": np.array(items, object),
                "category": np.array(categories, object),
            }
            insert_arrays(connection, f"{domain}_categories", columns)


def targets(data):
    users = data.users()
    return [data.target_ids[row - 2].tolist() for row in users.target]


def test_order_and_ties(prepared):
    source = [("u", "c", 2), ("u", "b", 1), ("u", "a", 1), ("u", "c", 1)]
    data = prepared(Shop(source, [("u", "x", 9)]))
    history = data.source_ids[data.users().history[0] - 2]
    assert history.tolist() == ["b", "a", "c", "c"]
    assert data.users().history_time.tolist() == [1, 1, 1, 2]


def test_ids_start_at_2_by_frequency_then_raw_id(prepared):
    source = [("u", item, 1) for item in "cabbcd"]
    data = prepared(Shop(source, [("u", "x", 9)]))
    assert data.source_ids.tolist() == ["b", "c", "a", "d"]
    assert data.num_source_items == 6
    lines = (data.folder / "source_items.txt").read_text()
    assert lines == "b\nc\na\nd\n"
    assert data.users().history[0].tolist() == [3, 4, 2, 2, 3, 5]


def test_repeated_targets_collapse_to_the_most_recent(prepared):
    target = [("u", "x", 5), ("u", "y", 6), ("u", "x", 7), ("v", "x", 1)]
    data = prepared(Shop([("u", "a", 1)] * 3, target))
    assert targets(data) == [["y", "x"], ["x"]]
    assert data.users().target_time.tolist() == [6, 7, 1]
    counts = data.manifest["counts"]
    assert counts["duplicate_targets"] == 1
    assert counts["source_events"] == 3  # Histories keep repeats.
    assert counts["repeated_source"] == 0


def test_max_history_keeps_the_most_recent(prepared):
    source = [("u", item, time) for time, item in enumerate("abcde")]
    data = prepared(Shop(source, [("u", "x", 1)]), max_history=2)
    assert data.source_ids.tolist() == ["d", "e"]
    assert data.manifest["counts"]["truncated_events"] == 3


def test_users_are_in_the_order_of_their_ids(prepared):
    source = [(user, "a", 1) for user in ("b", "é", "a", "B", "10", "9")]
    data = prepared(Shop(source, [("z", "x", 1), ("a", "x", 1)]))
    ids = [raw.decode() for raw in data.users().ids]
    assert ids == ["10", "9", "B", "a", "b", "z", "é"]


def test_leave_one_out(prepared):
    target = [("u", item, time) for time, item in enumerate("xyzw")]
    target += [("v", "x", 3), ("v", "y", 2), ("w", "x", 1)]
    data = prepared(Shop([("u", "a", 1)], target), split="leave-one-out")
    assert targets(data) == [list("xyzw"), ["y", "x"], ["x"]]
    assert data.users().split.tolist() == [0, 0, 1, 2, 0, 2, 0]


def test_split_by_time_drops_later_history(prepared):
    target = [("u", f"x{time}", time) for time in range(10)]
    source = [("u", f"a{time}", time) for time in (0, 4, 5, 6)]
    data = prepared(
        Shop(source, target), split="time", split_fractions=(0.5, 0.2, 0.3)
    )
    assert data.users().split.tolist() == [0] * 5 + [1] * 2 + [2] * 3
    assert data.users().history_time.tolist() == [0, 4]
    assert data.manifest["counts"]["late_events"] == 2
    assert data.manifest["time_boundaries"] == [5, 7]


def test_split_by_time_never_parts_equal_times(prepared):
    target = [("u", f"x{i}", 1 + i // 8) for i in range(10)]
    data = prepared(Shop([("u", "a", 0)], target), split="time")
    split = dict(zip(data.users().target_time, data.users().split, strict=True))
    assert split == {1: 0, 2: 2}


def test_random_split_does_not_depend_on_other_users(prepared):
    target = [(f"u{i:03}", f"x{i % 7}", i) for i in range(300)]
    source = [("u000", "a", 0)]
    everything = prepared(Shop(source, target)).users()
    some = prepared(Shop(source, target[:100])).users()
    assert everything.split[:100].tolist() == some.split.tolist()
    other = prepared(Shop(source, target), split_seed=1).users()
    assert (other.split != everything.split).any()


def test_source_fingerprint_is_that_of_the_histories(prepared):
    first = prepared(Synthetic(users=50))
    other = prepared(Synthetic(users=50), split_seed=1)
    assert first.fingerprint != other.fingerprint
    assert first.source_fingerprint == other.source_fingerprint
    short = prepared(Synthetic(users=50), max_history=5)
    assert short.source_fingerprint != first.source_fingerprint


def test_ratings_and_categories_leave_the_source_fingerprint_alone(prepared):
    rows = [("u", "a", 1), ("u", "b", 2)], [("u", "x", 1)]
    made = {
        name: prepared(Shop(*rows, **options))
        for name, options in {
            "plain": {},
            "rated": {"rating": 2.0},
            "sorted": {"categories": {"source": [("a", "k")]}},
            "otherwise": {"categories": {"source": [("a", "l")]}},
            "target": {"categories": {"target": [("x", "k")]}},
        }.items()
    }
    assert len({data.fingerprint for data in made.values()}) == len(made)
    assert len({data.source_fingerprint for data in made.values()}) == 1


def test_ratings_stand_beside_their_events(prepared):
    events = [("u", "a", 2), ("u", "b", 1), ("u", "c", 3)]

    class Rated(Shop):
        def load(self, connection, rejects):
            super().load(connection, rejects)
            connection.execute("UPDATE source SET rating = row + 0.5")

    data = prepared(Rated(events, [("u", "x", 1)]), max_history=2)
    history = data.source_ids[data.users().history[0] - 2]
    assert history.tolist() == ["a", "c"]
    assert data.users().history_rating.tolist() == [0.5, 2.5]
    assert data.manifest["counts"]["rated_source_events"] == 2


def test_ratings_of_some_events_alone_are_not_kept(prepared):
    class Partly(Shop):
        def load(self, connection, rejects):
            super().load(connection, rejects)
            connection.execute("UPDATE source SET rating = NULL WHERE row = 0")

    data = prepared(Partly([("u", "a", 1), ("u", "b", 2)], [("u", "x", 1)]))
    assert data.users().history_rating is None
    assert data.users().target_rating.tolist() == [1.0]
    counts = data.manifest["counts"]
    assert counts["rated_source_events"] == 0
    assert counts["rated_target_instances"] == 1


def test_categories_of_items_that_histories_do_not_keep(prepared):
    categories = [("a", "k"), ("a", "l"), ("b", "m"), ("b", None), ("z", "n")]
    source = [("u", "a", 1), ("u", "b", 2)]
    data = prepared(
        Shop(source, [("u", "x", 1)], categories={"source": categories}),
        max_history=1,
    )
    assert data.source_ids.tolist() == ["b"]
    assert data.source_categories.tolist() == ["m"]
    assert data.target_categories is None
    assert data.manifest["counts"]["ambiguous_categories"] == 0


def test_what_an_older_version_prepared_is_left_alone(prepared, monkeypatch):
    for module in (tfxdr.data.writer, tfxdr.data.prepare, tfxdr.data.prepared):
        monkeypatch.setattr(module, "SCHEMA_VERSION", 1)
    old = prepared(Synthetic(users=30)).folder
    monkeypatch.undo()
    new = prepared(Synthetic(users=30))
    assert new.folder != old
    assert old.is_dir()
    with pytest.raises(InputError, match="has schema version 1; this version"):
        PreparedData.load(old)


def test_it_is_prepared_once(prepared, monkeypatch):
    lines = []
    first = prepared(Synthetic(users=30), report=lines.append)
    monkeypatch.setattr(Synthetic, "load", None)
    again = prepared(Synthetic(users=30), report=lines.append)
    assert again.folder == first.folder
    assert first.folder.name.startswith("synthetic-")
    assert "from an earlier run" in lines[-1]


def test_content_makes_the_cache_not_the_name(tmp_path, write, prepared):
    text = "user,item,timestamp\nann,a,1\n"
    paths = [str(write(name, text)) for name in ("a.csv", "b.csv", "c.csv")]
    first = prepared(Events(paths[0], paths[1]))
    assert prepared(Events(paths[2], paths[1])).folder == first.folder
    write("c.csv", text + "ann,b,2\n")
    assert prepared(Events(paths[2], paths[1])).folder != first.folder


def test_several_shards_keep_the_order(prepared, monkeypatch):
    whole = prepared(Synthetic(users=53)).users()
    monkeypatch.setattr(tfxdr.data.writer, "_SHARD_USERS", 7)
    data = prepared(Synthetic(users=53), max_history=98)
    assert len(data.manifest["shards"]) == 8
    users = data.users()
    assert users.ids.tolist() == whole.ids.tolist()
    assert (users.history.values == whole.history.values).all()
    assert (users.target.offsets == whole.target.offsets).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "no"}, "--split should be one of random, leave-one-out"),
        ({"split_fractions": (0.5, 0.4)}, "--split_fractions"),
        ({"split_fractions": (0.5, 0.4, 0.2)}, "--split_fractions"),
        ({"split_fractions": (0, 0.5, 0.5)}, "--split_fractions"),
        ({"split_fractions": (1.2, -0.1, -0.1)}, "--split_fractions"),
        ({"max_history": 0}, "--max_history should be at least 1, found 0"),
        ({"max_bad_rows": -1}, "--max_bad_rows should be at least 0"),
    ],
)
def test_options_out_of_range(prepared, options, message):
    with pytest.raises(InputError, match=message):
        prepared(Synthetic(users=5), **options)


@pytest.mark.parametrize("tenth", range(1, 10))
def test_truncated_gzip(write, prepared, tenth):
    lines = "".join(f"u{i % 97},i{i * i % 89},{i}\n" for i in range(3000))
    path = write("s.csv.gz", "user,item,timestamp\n" + lines)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * tenth // 10])
    target = write("t.csv", "user,item,timestamp\nu1,x,1\n")
    with pytest.raises(InputError, match=r"s\.csv\.gz is not a whole gzip"):
        prepared(Events(str(path), str(target)))


def interrupted():
    return RuntimeError("Query interrupted")  # What Ctrl-C in DuckDB raises.


def full_disk():
    return OSError(errno.ENOSPC, "No space left on device")


def full_disk_of_duckdb():
    return duckdb.IOException("No space left on device")


def left(tmp_path):
    folder = tmp_path / "cache" / "data"
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    ("error", "seen", "message"),
    [
        (KeyboardInterrupt, KeyboardInterrupt, None),
        (duckdb.InterruptException, KeyboardInterrupt, None),
        (interrupted, KeyboardInterrupt, None),
        (RuntimeError, RuntimeError, None),
        (full_disk, InputError, "disk .* is full"),
        (full_disk_of_duckdb, InputError, "disk .* is full"),
        (duckdb.OutOfMemoryException, InputError, "cannot be prepared"),
        (ZeroDivisionError, ZeroDivisionError, None),
    ],
)
def test_a_failure_leaves_nothing(
    prepared, monkeypatch, tmp_path, error, seen, message
):
    def fail(*_):
        raise error()

    monkeypatch.setattr(tfxdr.data.engines.duckdb_engine, "write_shard", fail)
    with pytest.raises(seen, match=message):
        prepared(Synthetic(users=30))
    assert left(tmp_path) == []
    monkeypatch.undo()
    assert len(prepared(Synthetic(users=30)).users()) == 30


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(InputError, match="--cache_dir"):
        prepare(Synthetic(users=5), cache_dir=tmp_path / "cache")


def test_what_a_killed_process_left_is_not_data(prepared, tmp_path):
    folder = prepared(Synthetic(users=30)).folder
    half = folder.parent / f".{folder.name}.0123.tmp"
    folder.rename(half)
    assert prepared(Synthetic(users=30)).folder.is_dir()
    with pytest.raises(InputError, match="is no prepared data"):
        PreparedData.load(folder.parent)


def test_a_damaged_cache_is_an_error(prepared):
    folder = prepared(Synthetic(users=30)).folder
    shard = next(folder.glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(InputError, match=f"{shard.name} is damaged"):
        prepared(Synthetic(users=30))


def test_a_plugin_without_files_or_name(prepared):
    data = prepared(Shop([("u", "a", 1)], [("u", "x", 1)]))
    assert data.folder.name.startswith("shop-")
    assert data.manifest["inputs"] == []
    assert data.source_titles is None
    assert data.source_categories is None
    assert data.users().attributes == {}


def test_defaults_are_those_of_the_command_line(prepared):
    made = prepared(Synthetic(users=40)).manifest["options"]
    chosen = Options().data
    assert made["max_history"] == chosen.max_history
    assert made["split"] == chosen.split
    assert tuple(made["split_fractions"]) == chosen.split_fractions


class Shifted(Synthetic):
    """Hands its other options on."""

    def __init__(self, shift: int = 0, **options):
        super().__init__(**options)
        self.shift = shift


class Forgetful(Synthetic):
    """Does not store what it takes."""

    def __init__(self, users: int = 40, least: int = 1):
        super().__init__(users=users)


def test_sources_with_other_options_do_not_share_a_folder(prepared):
    one, other = (prepared(Shifted(users=n)) for n in (40, 41))
    assert one.folder != other.folder
    with pytest.raises(TypeError, match="argument 'least' in the attribute"):
        prepared(Forgetful(least=2))
