"""`--mode=inspect`: a look at files, before anything is prepared."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tfxdr.data import database
from tfxdr.datasets.events import Events
from tfxdr.datasets.readers.inspection import Column, guess_roles, look_at
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.errors import InputError
from tfxdr.options import Options
from tfxdr.registry import datasets
from tfxdr.registry.spec_text import parse_call
from tfxdr.start_up import printable

_MEMORY = "2GB"
_THREADS = 4
_MAX_COLUMNS = 40
_MAX_SHOWN = 24
# Enough to read any log through; they are counted, not lost.
_MAX_BAD_ROWS = 10**6
_DEFAULTS = {"user": "user", "item": "item", "time": "timestamp", "rating": ""}


def inspect(options: Options) -> None:
    """Prints what is in one file or two, and the command to run next.

    Of generated data, what could be reached at best.
    """
    if not options.data.data_path and "dataset" in options.given:
        if _show_ceilings(options.data.dataset):
            return
    paths = _paths(options.data.data_path)
    with tempfile.TemporaryDirectory(prefix="tfxdr-inspect-") as folder:
        connection = database.connect(Path(folder), _MEMORY, _THREADS)
        with connection:
            columns = [look_at(connection, path) for path in paths]
            roles = [
                guess_roles(columns[0], columns[-1]),
                guess_roles(columns[-1], columns[0]),
            ][: len(paths)]
            for looked in zip(paths, columns, roles, strict=True):
                _show(*looked)
            given = _events_options(paths, roles)
            if len(paths) == 2:
                _read_through(connection, given)
    _print("\nnext:")
    _print(f"  {_command(given)}")
    if len(paths) == 1:
        _print(
            "  where TARGET is the other log; --data_path=SOURCE,TARGET looks "
            "at both"
        )


def _show_ceilings(dataset: str) -> bool:
    """Whether a data set knows what could be reached at best."""
    found = datasets.build(dataset).ceilings()
    for what, value in found.items():
        _print(f"{what}: {value:.3f}")
    return bool(found)


def _paths(text: str) -> list[Path]:
    if not text:
        raise InputError(
            "--mode=inspect: expected --data_path=FILE, "
            "--data_path=SOURCE,TARGET for two, or --dataset of generated data "
            "whose truth is known, such as planted-policies"
        )
    whole = Path(text).expanduser()
    parts = [text] if whole.exists() else text.split(",")
    paths = [Path(part.strip()).expanduser() for part in parts]
    for path in paths:
        if not path.is_file():
            raise InputError(f"--data_path: no such file: {path}")
    if len(paths) > 2:
        raise InputError(
            f"--data_path: expected one file or two, found {len(paths)}"
        )
    return paths


def _show(
    path: Path, columns: Sequence[Column], roles: dict[str, Column]
) -> None:
    guessed = {column.number: role for role, column in roles.items()}
    _print(f"\n{path}: {len(columns)} columns; the first rows say:")
    _print(
        f"  {'column':{_MAX_SHOWN}} {'type':12} {'missing':>8}  role    like"
    )
    for column in columns[:_MAX_COLUMNS]:
        name = _short(column.name or f"column {column.number}")
        like = ", ".join(_short(text) for text in column.examples)
        _print(
            f"  {name:{_MAX_SHOWN}} {column.kind[:12]:12} "
            f"{column.missing:>8.0%}  {guessed.get(column.number, ''):7} {like}"
        )
    if len(columns) > _MAX_COLUMNS:
        _print(f"  … and {len(columns) - _MAX_COLUMNS} more")
    for role in ("user", "item"):
        if role not in roles:
            raise InputError(
                f"{path}: expected columns of a user and an item, found "
                f"{len(columns)} columns; say what separates them by "
                "--dataset=events(delimiter=...)"
            )


def _print(text: str) -> None:
    """Files may hold anything: nothing of it commands a terminal."""
    print(printable(text, keep="\n"))


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _MAX_SHOWN else shown[: _MAX_SHOWN - 1] + "…"


def _events_options(
    paths: Sequence[Path], roles: Sequence[dict[str, Column]]
) -> dict[str, object]:
    """The options of `events` that say what was guessed."""
    options: dict[str, object] = {"source": str(paths[0])}
    options["target"] = str(paths[1]) if len(paths) == 2 else "TARGET"
    source = {role: column.called for role, column in roles[0].items()}
    source.setdefault("time", "")
    for role, default in _DEFAULTS.items():
        if role in source and source[role] != default:
            options[role] = source[role]
    for role, column in roles[-1].items() if len(paths) == 2 else ():
        if source.get(role) != column.called and source.get(role):
            options[f"target_{role}"] = column.called
    if len(paths) == 2 and "rating" in options and "rating" not in roles[1]:
        del options["rating"]
    if len(paths) == 2 and "time" not in roles[1]:
        options["time"] = ""
        options.pop("target_time", None)
    return options


def _read_through(
    connection: duckdb.DuckDBPyConnection, given: dict[str, object]
) -> None:
    """Prints what reading both files as a whole finds."""
    rejects = Rejects(_MAX_BAD_ROWS)
    _print("\nread as a whole:")
    try:
        source = Events(**given)  # type: ignore[arg-type]
        source.load(connection, rejects)
    except InputError as error:
        _print(f"  warning: {error}")
        return
    for note in rejects.notes:
        _print(f"  {note}")
    counts = source.counts(connection)
    for domain in ("source", "target"):
        users, items, events = _sizes(connection, domain)
        bad = counts[f"{domain}_bad"]
        _print(
            f"  {domain}: {counts[f'{domain}_rows']:,} rows, {events:,} events "
            f"of {users:,} users on {items:,} items; {bad:,} malformed"
        )
    for text in rejects.examples()[:3]:
        _print(f"  warning: malformed row: {text}")
    _print_overlap(connection)


def _sizes(
    connection: duckdb.DuckDBPyConnection, domain: str
) -> tuple[int, int, int]:
    row = connection.execute(
        "SELECT count(DISTINCT user), count(DISTINCT item), count(*) "
        f"FROM {domain}"
    ).fetchone()
    assert row is not None  # An aggregate has one row.
    return row


def _print_overlap(connection: duckdb.DuckDBPyConnection) -> None:
    row = connection.execute(
        "SELECT count(*) FROM (SELECT DISTINCT user FROM source) "
        "SEMI JOIN (SELECT DISTINCT user FROM target) USING (user)"
    ).fetchone()
    shared = row[0] if row else 0
    both = [_sizes(connection, domain)[0] for domain in ("source", "target")]
    shares = [shared / max(number, 1) for number in both]
    _print(
        f"  {shared:,} users are in both: {shares[0]:.0%} of the source's, "
        f"{shares[1]:.0%} of the target's"
    )
    if shared * 100 < min(both):
        _print(
            "  warning: hardly a user is in both: either the ids are not of "
            "one kind, or another column is the user"
        )


def _command(given: dict[str, object]) -> str:
    words = ",".join(
        f"{key}={value if _is_bare(value) else repr(value)}"
        for key, value in given.items()
    )
    spec = f"events({words})"
    safe = not set(spec) & set('"$`\\!')
    quoted = f'"{spec}"' if safe else shlex.quote(spec)
    return f"tfxdr --mode=prepare --dataset={quoted}"


def _is_bare(value: object) -> bool:
    """Whether the value is read back without quotes or escapes."""
    if printable(str(value)) != str(value):
        return False
    try:
        return parse_call(f"events(x={value})")[1] == {"x": value}
    except InputError:
        return False
