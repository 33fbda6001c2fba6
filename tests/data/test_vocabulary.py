import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfxdr.data.vocabulary import order_items, read_lines, write_lines

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


def test_order_is_frequency_then_raw_id():
    order = order_items(["a", "b", "c", "d"], np.array([2, 5, 0, 2]))
    assert order.tolist() == [1, 0, 3]


def test_plain_ids_stand_as_they_are(tmp_path):
    write_lines(tmp_path / "v.txt", ["b", "añ", "42"])
    assert (tmp_path / "v.txt").read_text(encoding="utf-8") == "b\nañ\n42\n"


def test_line_breaks_do_not_break_lines(tmp_path):
    lines = ["a\nb", "\r", "\\n", "", "\u2028", "x\\"]
    write_lines(tmp_path / "v.txt", lines)
    assert (tmp_path / "v.txt").read_bytes().count(b"\n") == len(lines)
    assert read_lines(tmp_path / "v.txt").tolist() == lines


@given(lines=st.lists(TEXT, max_size=6))
def test_round_trip(lines, tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "v.txt"
    write_lines(path, lines)
    assert read_lines(path).tolist() == lines
