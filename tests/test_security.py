"""What docs/security.md promises of the code."""

import ast
import pathlib

import duckdb
import pytest

import tfxdr
from tfxdr.datasets.readers.duck import open_database
from tfxdr.datasets.readers.queries import write_query
from tfxdr.errors import InputError

ROOT = pathlib.Path(tfxdr.__file__).parent
MODULES = {"pickle", "dill", "joblib", "shelve", "marshal"}
CALLS = {"eval", "exec", "compile", "__import__", "load_model"}


def _called(node):
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def _is_name(node):
    """`eval(...)`, and not `something.eval(...)`, which is a method."""
    return isinstance(node.func, ast.Name) or _called(node) == "load_model"


@pytest.fixture(scope="module")
def nodes():
    return [
        (path.relative_to(ROOT), node)
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    ]


def test_nothing_that_is_read_is_run(nodes):
    found = [
        (str(path), _called(node))
        for path, node in nodes
        if isinstance(node, ast.Call)
        and _called(node) in CALLS
        and _is_name(node)
    ]
    assert found == []


def test_nothing_is_pickled(nodes):
    imported = {
        name.name.split(".")[0]
        for _, node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    } | {
        (node.module or "").split(".")[0]
        for _, node in nodes
        if isinstance(node, ast.ImportFrom)
    }
    assert not imported & MODULES
    assert not [
        str(path)
        for path, node in nodes
        if isinstance(node, ast.keyword)
        and node.arg == "allow_pickle"
        and getattr(node.value, "value", True)
    ]


def test_duckdb_is_opened_in_one_place(nodes):
    places = {
        str(path)
        for path, node in nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "connect"
        and getattr(node.func.value, "id", "") == "duckdb"
    }
    assert places == {str(pathlib.Path("datasets", "readers", "duck.py"))}


def test_it_fetches_no_extension():
    with open_database() as connection:
        names = "autoinstall_known_extensions", "autoload_known_extensions"
        for name in names:
            query = f"SELECT current_setting('{name}')"
            assert connection.execute(query).fetchone() == (False,)


def test_a_view_that_needs_an_extension_is_an_error(tmp_path):
    database = tmp_path / "theirs.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    query = "SELECT * FROM read_xlsx('book.xlsx')"
    with pytest.raises(InputError, match="read_xlsx"):
        write_query(database, query, tmp_path / "result.parquet")


def test_answers_as_json_are_ascii():
    """An id may hold U+009B, which begins a terminal's command."""
    for path in (ROOT / "modes").rglob("*.py"):
        assert "ensure_ascii" not in path.read_text(encoding="utf-8"), path
