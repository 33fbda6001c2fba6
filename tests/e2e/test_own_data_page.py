"""docs/own-data.md, followed from the first command to the last one."""

import csv
import json
import re

import duckdb
import numpy as np
import pytest
from cpp_client import ask, build
from documented import ROOT, Shown, commands, steps
from following import Reader

_PAGE = ROOT / "docs" / "own-data.md"
_COMMANDS = [command.text for command in commands(_PAGE)]


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """At the end of the page; nothing is shortened."""
    reader = Reader(tmp_path_factory.mktemp("own"))
    reader.follow(steps(_PAGE))
    return reader


def _told(reader, *words):
    """What the one command with these words printed."""
    (text,) = (
        said
        for command, said in reader.told.items()
        if all(word in command for word in words)
    )
    return text


def test_the_files_are_written_as_the_page_shows(reader):
    shown = [x.text for x in steps(_PAGE) if isinstance(x, Shown)]
    for name, text in zip(("clicks.csv", "purchases.csv"), shown, strict=True):
        header, *rows = (reader.folder / name).read_text().splitlines()
        example, *more = text.splitlines()
        assert header == example
        marks = {re.sub(r"\d+", "0", re.sub("[a-z]+", "a", x)) for x in more}
        assert marks == {
            re.sub(r"\d+", "0", re.sub("[a-z]+", "a", x)) for x in rows
        }


def test_inspection_ends_with_the_next_command_of_the_page(reader):
    said = _told(reader, "--mode=inspect").strip().splitlines()
    assert said[-1].strip() == _COMMANDS[1]


def test_every_way_to_name_the_logs_prepares_the_same(reader):
    prepared = [
        said
        for command, said in reader.told.items()
        if "--mode=prepare" in command
    ]
    assert len(prepared) == 4
    for said in prepared:
        assert "source rows       480 = 480 events" in said
        assert "target rows       160 = 160 instances" in said
    assert reader.names["data"].manifest["counts"]["source_events"] == 480


def test_the_table_is_as_it_is_explained(reader):
    said = _told(reader, "--policy=zero,all,gumbel")
    kept = (reader.folder / "runs/first/results.md").read_text("utf-8")
    for row in ("popularity", "item-knn", "zero", "all", "gumbel"):
        assert f"| {row} " in said and f"| {row} " in kept
    page = _PAGE.read_text(encoding="utf-8")
    explained = page.partition("| column |")[2].partition("\n\n")[0]
    (header,) = (x for x in said.splitlines() if x.startswith("| policy"))
    columns = re.findall(r"`([\w@]+)`", explained)
    assert columns == re.findall(r"[\w@]+", header)[1:]


def test_a_user_gets_what_they_get_in_the_file_of_all(reader):
    with (reader.folder / "recommendations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"user", "rank", "item", "score"}
    assert len({row["user"] for row in rows}) == 40
    best = [row["item"] for row in rows if row["user"] == "u17"][:5]
    said = _told(reader, "--run=runs/first/gumbel", "--user=u17")
    assert _items(said) == best
    bought = duckdb.sql(
        f"SELECT sku FROM '{reader.folder}/purchases.csv' "
        "WHERE customer = 'u17'"
    ).fetchall()
    assert bought and not {item for (item,) in bought} & set(best)


def test_run_export_and_server_answer_the_same(reader):
    by_run = _items(_told(reader, "--run=runs/first", "--history"))
    by_export = _items(_told(reader, "--export_dir", "--history"))
    by_tensorflow = reader.names["answer"]["items"].numpy()[0].astype(str)
    (served,) = json.loads(_told(reader, "curl"))["predictions"]
    assert by_run == by_export == served["items"][:5]
    assert served["items"] == by_tensorflow.tolist()
    assert len(set(served["items"])) == 10
    assert served["scores"] == sorted(served["scores"], reverse=True)


@pytest.mark.large
def test_the_loader_of_the_server_answers_the_same(reader, tmp_path):
    (served,) = json.loads(_told(reader, "curl"))["predictions"]
    answer = ask(
        build(tmp_path),
        reader.folder / "export" / "shop" / "1",
        "serving_default",
        {"history": np.array([["lamp-3", "rug-4"]], object)},
    )
    assert answer["items"].tolist() == [served["items"]]


def _items(said):
    return re.findall(r"\b(?:tea|jam)-\d+", said)
