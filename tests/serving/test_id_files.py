"""Files of raw ids."""

import pytest

from tfxdr.errors import InputError
from tfxdr.serving.id_files import read_ids


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"a\nb\n", {"a": 1, "b": 2}),
        (b"a\r\n\r\nb", {"a": 1, "b": 3}),
        (b"a\rb\r", {"a": 1, "b": 2}),
        (b"\xef\xbb\xbfa\nb\n", {"a": 1, "b": 2}),
        ("ä\nb\n".encode("utf-16"), {"ä": 1, "b": 2}),
        (b" a \n1,5\n", {" a ": 1, "1,5": 2}),
        ("a\u2028b\x0bc\n".encode(), {"a\u2028b\x0bc": 1}),
        (b"a\na\nb\n", {"a": 1, "b": 3}),
    ],
)
def test_lines(tmp_path, content, ids):
    path = tmp_path / "ids.txt"
    path.write_bytes(content)
    assert read_ids(path, "--users", "raw user ids") == ids


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--users=.*: cannot read it: No such file"),
        (b"", "expected raw user ids, one a line, found none"),
        (b"\n\n", "expected raw user ids, one a line, found none"),
        (b"caf\xe9\n", "expected UTF-8 text"),
        (b"a\nb\na\n", "line 3: a stands in line 1 already"),
    ],
)
def test_refuses(tmp_path, content, message):
    path = tmp_path / "ids.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_ids(path, "--users", "raw user ids", once=True)
