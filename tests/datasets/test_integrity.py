import gzip
import hashlib

import numpy as np
import pytest

from tfxdr.datasets.readers.integrity import check_file
from tfxdr.errors import InputError


def test_hash_and_size(write):
    path = write("a.csv", "user,item\n")
    found = check_file(path)
    assert found.name == "a.csv" and found.bytes == 10
    assert found.sha256 == hashlib.sha256(b"user,item\n").hexdigest()


def test_gzip_is_hashed_as_it_lies(write):
    path = write("a.csv.gz", "x" * 5000)
    assert check_file(path).sha256 == (
        hashlib.sha256(path.read_bytes()).hexdigest()
    )


def test_gzip_of_several_members(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"a") + gzip.compress(b"b"))
    assert check_file(path).bytes == path.stat().st_size


def gzipped_lines():
    numbers = np.random.default_rng(0).integers(0, 10**9, (20_000, 2))
    text = "".join(f"{user},{item}\n" for user, item in numbers)
    return gzip.compress(text.encode())


@pytest.mark.parametrize("tenth", range(10))
def test_truncated_gzip(tmp_path, tenth):
    content = gzipped_lines()
    path = tmp_path / "events.csv.gz"
    path.write_bytes(content[: len(content) * tenth // 10])
    with pytest.raises(InputError, match=r"events\.csv\.gz"):
        check_file(path)


def test_every_truncation_of_a_small_gzip(tmp_path):
    content = gzip.compress(b"user,item\n1,2\n1,3\n2,2\n")
    path = tmp_path / "events.csv.gz"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"events\.csv\.gz"):
            check_file(path)


def test_one_wrong_byte_in_a_gzip(tmp_path):
    content = bytearray(gzipped_lines())
    content[len(content) // 2] ^= 0x10
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match="truncated or damaged"):
        check_file(path)


def test_no_gzip_at_all(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"user,item\n")
    with pytest.raises(InputError, match="not a whole gzip"):
        check_file(path)


def test_gzip_under_another_name_is_checked_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(gzipped_lines()[:-3])
    with pytest.raises(InputError, match="not a whole gzip"):
        check_file(path)


def test_empty_and_missing(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="is empty"):
        check_file(tmp_path / "a")
    with pytest.raises(InputError, match="not readable: No such file"):
        check_file(tmp_path / "b")
