"""Flagfiles as people write them, and what they hold as they are read."""

import pytest

from tfxdr import options
from tfxdr.errors import InputError
from tfxdr.options.flagfile import line, words


@pytest.fixture
def read(tmp_path, monkeypatch):
    """The words of a flagfile with some content."""
    monkeypatch.chdir(tmp_path)

    def read_text(text, encoding="utf-8"):
        (tmp_path / "a.flags").write_bytes(text.encode(encoding))
        return [word.text for word in words(["--flagfile=a.flags"])]

    return read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends(read, encoding, end):
    text = end.join(["--mode=prepare", "", "--user=é", ""])
    assert read(text, encoding) == ["--mode=prepare", "--user=é"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("--epochs=2  # few", ["--epochs=2"]),
        ("--epochs=2\t# few", ["--epochs=2"]),
        ("--resume # again", ["--resume"]),
        ("--policy=last-1,all # two", ["--policy=last-1,all"]),
        ("--run=a#1", ["--run=a#1"]),
        ("--dataset=x(a='b #1', c=2) # d", ["--dataset=x(a='b #1', c=2)"]),
        ('--dataset=x(a="it\'s #1")', ['--dataset=x(a="it\'s #1")']),
        ("--user=o'brien # who", ["--user=o'brien"]),
        ("# --epochs=2", []),
        ("  // --epochs=2", []),
        ('--run="a b # c"', ["--run=a b # c"]),
        ("--run='a b' # c", ["--run=a b"]),
        ("\"--dataset=x(a='b')\"", ["--dataset=x(a='b')"]),
        ("--dataset=\"x(a='b')\"", ["--dataset=x(a='b')"]),
        ("--epochs 2", ["--epochs", "2"]),
        ("  --epochs=2 \\\n  --seed=1", ["--epochs=2", "--seed=1"]),
        ("--plugins=", ["--plugins="]),
    ],
)
def test_lines(read, text, found):
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n--run='a", r"a.flags, line 2: expected a quotation mark"),
        ("--run='a' b", r"a.flags, line 1: expected nothing behind"),
        ("--run=a --seed=1", r"a.flags, line 1: expected one option a line"),
        ("--flagfile=b.flags", r"a.flags, line 1: .*b.flags: .*No such file"),
        ("--flagfile=a.flags", r"a.flags, line 1: .*being read already"),
        ("--flagfile=", r"a.flags, line 1: --flagfile: expected a file"),
    ],
)
def test_refused(read, text, message):
    with pytest.raises(InputError, match=message):
        read(text)


def test_another_flagfile_lies_beside_the_one_that_names_it(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.flags").write_text(
        "--flagfile=b.flags  # beside\n--flagfile=here.flags\n--seed=3\n"
    )
    (tmp_path / "deep" / "b.flags").write_text("--epochs=2\n")
    (tmp_path / "b.flags").write_text("--epochs=9\n")
    (tmp_path / "here.flags").write_text("--seed=2\n--patience=2\n")
    parsed = options.parse(["x", "--flagfile=deep/a.flags"])
    assert parsed.finetune.epochs == 2
    assert parsed.finetune.patience == 2  # as absl: the current folder
    assert parsed.seed == 3


@pytest.mark.parametrize("value", ["--epochs=0", "--epochz=1", "epochs"])
def test_a_mistake_in_another_flagfile_is_placed_there(
    tmp_path, monkeypatch, value
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.flags").write_text("--epochs=2\n--flagfile=b.flags\n")
    (tmp_path / "b.flags").write_text(f"\n{value}\n")
    with pytest.raises(InputError, match=r"^b\.flags, line 2: .*epoch"):
        options.parse(["x", "--flagfile=a.flags"])


@pytest.mark.parametrize(
    "value",
    ["a b", "a #1", "'a'", '"', "a --b=c", "a\\", "a \\", "x(a='#')", "", "é"],
)
def test_what_is_written_reads_back(read, value):
    assert read(line("run", value)) == [f"--run={value}"]


@pytest.mark.parametrize(
    ("arguments", "flag"),
    [
        (["--user=caf\udce9"], "--user"),
        (["--user", "caf\udce9"], "--user"),
        (["--run=a", "\udcff"], "argument"),
        (["\udcff"], "argument"),
        (["--\udcff=a"], r"--\\udcff"),
    ],
)
def test_an_argument_that_is_no_text_is_named(arguments, flag):
    with pytest.raises(InputError, match=f"^{flag}: expected text in UTF-8"):
        words(arguments)
