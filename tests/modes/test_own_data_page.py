"""Every command of docs/own-data.md runs as it stands."""

import pathlib
import re
import runpy
import shlex

import duckdb
import pytest

from tfxdr.main import main

_PAGE = pathlib.Path(__file__).parents[2] / "docs" / "own-data.md"
_TEXT = _PAGE.read_text(encoding="utf-8")
_COMMANDS = re.findall(r"^tfxdr (.*)$", _TEXT, re.MULTILINE)
_TRAINS = [command for command in _COMMANDS if "--mode" not in command]


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """The files of the page, as it describes them, with more rows."""
    clicks, purchases = [], []
    for user in range(40):
        for step in range(12):
            item = (user * 7 + step * 3) % 25
            day, hour = 1 + step, user % 24
            time = f"2024-03-{day:02d} {hour:02d}:12:44"
            clicks.append((f"u{user}", f"lamp-{item}", time))
        for step in range(4):
            item = (user * 5 + step) % 15
            purchases.append((f"u{user}", f"tea-{item}", 1709400000 + step))
    _write(tmp_path / "clicks.csv", ",", "user,item,clicked_at", clicks)
    _write(tmp_path / "headless.csv", ",", "", clicks)
    _write(tmp_path / "purchases.csv", ";", "customer;sku;time", purchases)
    goods = [(f"tea-{item}", f"Tea, kind {item}") for item in range(15)]
    _write(tmp_path / "goods.tsv", "\t", "sku\tname", goods)
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as connection:
        connection.execute(
            f"CREATE TABLE clicks AS SELECT *, 9 AS seconds FROM "
            f"'{tmp_path}/clicks.csv'"
        )
        connection.execute(
            'CREATE TABLE purchases AS SELECT customer AS "user", sku AS item, '
            f"to_timestamp(time) AS clicked_at FROM '{tmp_path}/purchases.csv'"
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(path, delimiter, header, rows):
    lines = [header] if header else []
    lines += [delimiter.join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _run(command):
    return main(["tfxdr", *shlex.split(command)])


def test_the_page_has_its_commands():
    assert len(_COMMANDS) == 6
    assert len(_TRAINS) == 1


@pytest.mark.parametrize(
    "command", [command for command in _COMMANDS if command not in _TRAINS]
)
def test_a_command_that_prepares(logs, command, capfd, registries):
    assert not _run(command)
    out = "".join(capfd.readouterr())
    if "inspect" in command:
        # The command that it ends with is the page's next one.
        assert out.strip().splitlines()[-1].strip() == f"tfxdr {_COMMANDS[1]}"
    else:
        assert "source rows       480 = 480 events" in out
        assert "target rows       160 = 160 instances" in out


@pytest.mark.large
def test_the_first_run(logs, capfd, registries):
    assert not _run(_TRAINS[0])
    assert (logs / "runs" / "first" / "results.md").is_file()


def test_from_python(logs, registries):
    (code,) = re.findall(r"```python\n(.*?)```", _TEXT, re.DOTALL)
    (logs / "page.py").write_text(code, encoding="utf-8")
    names = runpy.run_path(str(logs / "page.py"))
    assert names["data"].manifest["counts"]["source_events"] == 480
