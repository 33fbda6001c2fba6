"""Turns a source into prepared data, once."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb

from tfxdr.data import splits
from tfxdr.data.prepared import MANIFEST, SCHEMA_VERSION, PreparedData
from tfxdr.data.writer import PreparationOptions, build
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.integrity import InputFile, check_file
from tfxdr.errors import InputError
from tfxdr.files import written_aside
from tfxdr.registry.plugin_code import code_of

_INTERRUPTED = "Query interrupted"


def prepare(
    dataset: Source,
    *,
    cache_dir: str | Path,
    split: str = splits.RANDOM,
    split_fractions: Sequence[float] = (0.8, 0.05, 0.15),
    seed: int = 0,
    max_history: int = 100,
    max_bad_rows: int = 0,
    memory_limit: str = "2GB",
    code: str = "",
    report: Callable[[str], None] | None = None,
) -> PreparedData:
    """Prepares a data set, or opens what an earlier call made of it.

    Ties: of a user's events at the same time, the one that stands first in
    the input comes first. A repeated (user, target item) pair is one
    instance, the most recent one; histories keep repeats, but not copies of a
    row where the source says that copies are one event (`merges_copies`).

    Args:
      dataset: A source of `tfxdr.registry.datasets`.
      cache_dir: The result lies in `data/<dataset>-<hash>` below it, where
        the hash covers the input files' content, all options and the code.
      split: `random` (target instances at random, by seed), `leave-one-out`
        (per user, by time: last is test, last but one validation; a user's
        only instance is training, of two the first), or `time` (one cut for
        everybody at quantiles of the target times; source events at or after
        the validation cut are left out of histories).
      split_fractions: Shares of training, validation, test; add up to 1.
        `leave-one-out` does not read them.
      seed: Of the random split.
      max_history: The most recent source events that are kept of a user. A
        source's own protocol may keep fewer.
      max_bad_rows: So many malformed rows are counted and left out.
      memory_limit: For DuckDB, which spills the rest to disk.
      code: Hash of the code of a source that is not tfxdr's own; by default
        that of the module of its class.
      report: Called with a line of text at each stage.

    Raises:
      InputError: See the message: which flag, file, line or column.
    """
    options = _checked(split, split_fractions, seed, max_history, max_bad_rows)
    say = report or (lambda line: None)
    inputs = [check_file(path) for path in dataset.files()]
    code = code or code_of(type(dataset).__module__)
    key = _key(dataset, options, inputs, code)
    cache = Path(cache_dir).expanduser()
    folder = cache / "data" / f"{dataset.name}-{key[:12]}"
    if _exists(folder):
        say(f"prepared data: {folder} (from an earlier run)")
        data = PreparedData.load(folder)
        for note in data.manifest.get("notes", ()):
            say(note)
        return data
    say(f"preparing {dataset.name} into {folder}")
    with written_aside(folder) as temporary, _database_errors(folder):
        manifest = build(dataset, options, temporary, memory_limit, say)
        manifest |= {"key": key, "inputs": [*map(dataclasses.asdict, inputs)]}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=2))
    return PreparedData.load(folder)


def _checked(
    split: str,
    fractions: Sequence[float],
    seed: int,
    max_history: int,
    max_bad_rows: int,
) -> PreparationOptions:
    if split not in splits.SPLITS:
        raise InputError(
            f"--split should be one of {', '.join(splits.SPLITS)}, "
            f"found {split!r}"
        )
    shares = tuple(float(share) for share in fractions)
    if (
        len(shares) != 3
        or min(shares) < 0
        or shares[0] == 0
        or abs(sum(shares) - 1) > 1e-6
    ):
        raise InputError(
            "--split_fractions should be three shares that add up to 1 "
            f"(training, validation, test), found {list(fractions)}"
        )
    if max_history < 1:
        raise InputError(
            f"--max_history should be at least 1, found {max_history}"
        )
    if max_bad_rows < 0:
        raise InputError(
            f"--max_bad_rows should be at least 0, found {max_bad_rows}"
        )
    return PreparationOptions(
        split, shares, int(seed), max_history, max_bad_rows
    )


def _key(
    dataset: Source,
    options: PreparationOptions,
    inputs: Sequence[InputFile],
    code: str,
) -> str:
    described = {
        **({"code": code} if code else {}),
        "schema_version": SCHEMA_VERSION,
        "dataset": dataset.name,
        "dataset_version": dataset.version,
        "dataset_options": dataset.options(),
        "inputs": [file.sha256 for file in inputs],
        **dataclasses.asdict(options),
    }
    text = json.dumps(described, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _exists(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError as error:
        raise InputError(
            f"--cache_dir: {folder} is not readable: {error.strerror}"
        ) from error


@contextlib.contextmanager
def _database_errors(folder: Path) -> Iterator[None]:
    """DuckDB's failures, as the user should read them."""
    try:
        yield
    except (duckdb.InterruptException, RuntimeError) as error:
        # Ctrl-C in a query comes as a bare RuntimeError from DuckDB's Python.
        if isinstance(error, RuntimeError) and str(error) != _INTERRUPTED:
            raise
        raise KeyboardInterrupt from error
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, str(error)) from error
        raise InputError(f"{folder} cannot be prepared: {error}") from error
