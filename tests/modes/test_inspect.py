"""`--mode=inspect` looks at files, and says the command to run next."""

import dataclasses
import shlex

import pytest

from tfxdr.errors import InputError
from tfxdr.modes.inspect import inspect
from tfxdr.options import Options
from tfxdr.registry import datasets

VIEWS = (
    "visitor_id;sku;viewed_at;page\n"
    "mia;bag;2024-01-01 10:00:00;a\ntom;cap;2024-01-02 10:00:00;b\n"
    ";cap;2024-01-02 10:00:00;b\n"
)
BUYS = "1704100000|mia|pen\n1704200000|tom|ink\n1704300000|eve|ink\n"


@pytest.fixture
def look(write, capsys, registries):
    def look_at(*contents, names=("views.csv", "buys.txt")):
        paths = [
            str(write(name, content))
            for name, content in zip(names, contents, strict=False)
        ]
        inspect(_options(",".join(paths)))
        return capsys.readouterr().out

    return look_at


def _options(data_path):
    options = Options()
    data = dataclasses.replace(options.data, data_path=data_path)
    return dataclasses.replace(options, data=data)


def test_two_files_and_the_next_command(look, prepared):
    out = look(VIEWS, BUYS)
    for text in (
        "views.csv: encoding utf-8, delimiter ';', a header, times are dates",
        "buys.txt: encoding utf-8, delimiter '|', no header, times are numbers",
        "source: 3 rows, 2 events of 2 users on 2 items; 1 malformed",
        "malformed row: ",
        "2 users are in both: 100% of the source's, 67% of the target's",
    ):
        assert text in out
    command = shlex.split(out.splitlines()[-1])
    assert command[:2] == ["tfxdr", "--mode=prepare"]
    source = datasets.parse(command[2].removeprefix("--dataset=")).build()
    data = prepared(source, max_bad_rows=1)
    assert data.manifest["counts"]["shared_users"] == 2
    assert data.target_ids.tolist() == ["ink", "pen"]


def test_one_file(look):
    out = look(VIEWS)
    assert "visitor_id" in out and "user" in out
    assert "target=TARGET" in out
    assert "user=visitor_id,item=sku,time=viewed_at" in out


def test_json_lines_and_odd_names(look, prepared):
    views = '{"member": "mia", "product": "bag", "when": 1704100000}\n'
    buys = '{"member": "mia", "product": "pen", "when": 1704100009}\n'
    out = look(views, buys, names=("a b.jsonl", "c'd.jsonl"))
    command = shlex.split(out.splitlines()[-1])
    source = datasets.parse(command[2].removeprefix("--dataset=")).build()
    assert source.time == "when"
    assert prepared(source).users().ids.tolist() == [b"mia"]


def test_users_who_are_not_the_same(look):
    out = look(VIEWS, BUYS.replace("mia", "MIA").replace("tom", "TOM"))
    assert "but for capitals, such as 'mia' and 'MIA'" in out
    assert "warning: hardly a user is in both" in out


def test_what_cannot_be_read_is_said(look):
    out = look(VIEWS, BUYS.replace("1704", "soon "))
    assert "warning: " in out
    assert "next:" in out


def test_escapes_of_the_data_are_not_printed(look):
    out = look(VIEWS.replace("bag", "\x1b[31mred"), BUYS)
    assert "\x1b" not in out and r"\x1b[31mred, cap" in out


def test_escapes_in_names_are_not_printed(look, prepared):
    out = look(
        VIEWS.replace("sku", "s\x1b[1mku").replace("\n;", "\neve;"),
        BUYS,
        names=("v\x9b.csv", "b.txt"),
    )
    assert not set(out) & set("\x1b\x9b")
    assert r"s\x1b[1mku" in out and r"v\x9b.csv: 4 columns" in out
    command = shlex.split(out.splitlines()[-1])
    assert prepared(datasets.build(command[-1].removeprefix("--dataset=")))


def test_the_paths(write):
    with pytest.raises(InputError, match="expected --data_path=FILE"):
        inspect(_options(""))
    with pytest.raises(InputError, match="no such file: .*gone"):
        inspect(_options("gone.csv"))
    path = str(write("a,b.csv", VIEWS))
    inspect(_options(path))  # A comma in a name parts no files.


def test_generated_data_tell_what_could_be_reached(capsys):
    from tfxdr.main import main

    world = "planted-policies(users=2000,length=20,targets=4)"
    assert main(["--mode=inspect", f"--dataset={world}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    values = [float(line.rpartition(": ")[2]) for line in lines]
    assert [line.partition(", ")[2].partition(":")[0] for line in lines] == [
        "kind unknown",
        "kind markers",
        "kind known",
    ]
    assert 0.35 < values[0] < values[1] - 0.1 < values[2] < 0.75
