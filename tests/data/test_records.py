import errno

import numpy as np
import pytest

from tfxdr.data.records import Columns, read_shards, write_shard
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged

ALL = Columns(True, True, True, True, ("age",))


def make_users(names):
    rows = len(names)
    return Users(
        ids=np.array(names, object),
        history=Ragged.from_rows([[]] + [[2, 3]] * (rows - 1)),
        target=Ragged.from_rows([[5]] * (rows - 1) + [[]]),
        split=np.full(rows - 1, 2, np.int8),
        attributes={"age": np.array(["", "25-34", "é"][:rows], object)},
        history_time=np.arange(2 * (rows - 1)) - 1,
        history_rating=np.arange(2 * (rows - 1), dtype="f4") / 2,
        target_time=np.full(rows - 1, 2**40),
        target_rating=np.full(rows - 1, 4.5, "f4"),
    )


def test_round_trip(tmp_path):
    paths = [tmp_path / "a", tmp_path / "b"]
    write_shard(paths[0], make_users([b"x", b"y", b"\xc3\xa9\n"]))
    write_shard(paths[1], make_users([b"z", b"zz"]))
    users = read_shards(paths, ALL)
    assert users.ids.tolist() == [b"x", b"y", b"\xc3\xa9\n", b"z", b"zz"]
    assert users.history.values.dtype == np.int32
    assert users.split.dtype == np.int8
    assert users.history.lengths.tolist() == [0, 2, 2, 0, 2]
    assert users.target.lengths.tolist() == [1, 1, 0, 1, 0]
    assert users.attributes["age"].tolist() == ["", "25-34", "é", "", "25-34"]
    assert users.history_time.tolist() == [-1, 0, 1, 2, -1, 0]
    assert users.history_rating.tolist() == [0, 0.5, 1, 1.5, 0, 0.5]
    assert users.history_rating.dtype == np.float32
    assert users.target_time.tolist() == [2**40] * 3
    assert users.target_rating.tolist() == [4.5] * 3


def test_optional_features_are_left_out(tmp_path):
    users = Users(
        np.array([b"x"], object),
        Ragged.from_rows([[2]]),
        Ragged.from_rows([[3]]),
        np.zeros(1, np.int8),
    )
    write_shard(tmp_path / "a", users)
    read = read_shards([tmp_path / "a"], Columns())
    assert read.history_time is None and read.target_rating is None
    assert read.history_rating is None
    assert read.attributes == {}


def test_the_layout_is_the_documented_one(tmp_path):
    import tensorflow as tf

    write_shard(tmp_path / "a", make_users([b"x", b"y"]))
    records = list(tf.data.TFRecordDataset(str(tmp_path / "a")).take(2))
    example = tf.train.Example.FromString(records[0].numpy())
    features = example.features.feature
    assert sorted(features) == [
        "attribute/age",
        "history",
        "history_rating",
        "history_time",
        "split",
        "target",
        "target_rating",
        "target_time",
        "user",
    ]
    assert features["user"].bytes_list.value == [b"x"]
    assert features["target"].int64_list.value == [5]
    assert features["history"].WhichOneof("kind") == "int64_list"


def test_the_bytes_are_reproducible(tmp_path):
    for name in ("a", "b"):
        write_shard(tmp_path / name, make_users([b"x", b"y"]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_damaged_record_is_named(tmp_path):
    path = tmp_path / "users.tfrecord"
    write_shard(path, make_users([b"x", b"y"]))
    content = bytearray(path.read_bytes())
    content[20] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match="users.tfrecord"):
        read_shards([path], ALL)


@pytest.mark.parametrize("missing", [1, 40, 150])
def test_a_truncated_file_is_named(tmp_path, missing):
    path = tmp_path / "users.tfrecord"
    write_shard(path, make_users([b"x", b"y"]))
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(InputError, match="users.tfrecord: not readable"):
        read_shards([path], ALL)


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError) as caught:
        write_shard(tmp_path / "no" / "a", make_users([b"x"]))
    assert caught.value.errno == errno.EIO
