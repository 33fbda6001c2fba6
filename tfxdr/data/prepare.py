"""Turns a source into prepared data, once."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tfxdr.data import splits
from tfxdr.data.engines import engine_named
from tfxdr.data.engines.base import PreparationOptions
from tfxdr.data.prepared import (
    SCHEMA_VERSION,
    PreparedData,
    find_prepared,
    write_manifest,
)
from tfxdr.data.writer import build
from tfxdr.datasets.base import Source
from tfxdr.datasets.prepared import Prepared
from tfxdr.datasets.readers.integrity import InputFile
from tfxdr.errors import InputError
from tfxdr.files import written_aside
from tfxdr.options.groups import Data, Run
from tfxdr.registry import datasets
from tfxdr.registry.plugin_code import code_of

# Whose defaults are those of the command line.
_DATA, _CACHE = Data(), Run().cache_dir


def prepare(
    dataset: Source | str,
    *,
    cache_dir: str | Path = _CACHE,
    split: str = _DATA.split,
    split_fractions: Sequence[float] = _DATA.split_fractions,
    split_seed: int = _DATA.split_seed,
    max_history: int = _DATA.max_history,
    max_bad_rows: int = _DATA.max_bad_rows,
    engine: str = _DATA.engine,
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
      dataset: A source, or the text that names one of
        `tfxdr.registry.datasets`: `movielens(path=ml-1m)`.
      cache_dir: The result lies in `data/<dataset>-<hash>` below it, where
        the hash covers the input files' content, all options and the code.
      split: `random` (target instances at random, by seed), `leave-one-out`
        (per user, by time: last is test, last but one validation; a user's
        only instance is training, of two the first), or `time` (one cut for
        everybody at quantiles of the target times; source events at or after
        the validation cut are left out of histories), or `column` (a column of
        the target table says it, as `events(split=...)`; without a validation
        part there, one is drawn from training in the proportion of
        `split_fractions`).
      split_fractions: Shares of training, validation, test; add up to 1.
        `leave-one-out` does not read them.
      split_seed: Of the random split.
      max_history: The most recent source events that are kept of a user. A
        source's own protocol may keep fewer.
      max_bad_rows: So many malformed rows are counted and left out.
      engine: What does the work, `duckdb` in this process or `spark` in the
        tasks of a Spark session. The result is the same, and so is the folder.
      memory_limit: For DuckDB, which spills the rest to disk.
      code: Hash of the code of a source that is not tfxdr's own; by default
        that of the module of its class.
      report: Called with a line of text at each stage.

    Raises:
      InputError: See the message: which flag, file, line or column.
    """
    options = _checked(
        split, split_fractions, split_seed, max_history, max_bad_rows
    )
    say = report or (lambda line: None)
    source, code = _source(dataset, code)
    cache = Path(cache_dir).expanduser()
    if isinstance(source, Prepared):
        return _found(source.fingerprint, cache, options, say)
    chosen = engine_named(engine, memory_limit)
    inputs = chosen.inputs(source)
    key = _key(source, options, inputs, code)
    folder = cache / "data" / f"{source.name}-{key[:12]}"
    if _exists(folder):
        say(f"prepared data: {folder} (from an earlier run)")
        data = PreparedData.load(folder, dataset)
        for note in data.manifest.get("notes", ()):
            say(note)
        return data
    say(f"preparing {source.name} into {folder}")
    with written_aside(folder) as temporary, chosen.errors(folder):
        manifest = build(chosen, source, options, temporary, say)
        manifest |= {"key": key, "inputs": [*map(dataclasses.asdict, inputs)]}
        write_manifest(temporary, manifest)
    return PreparedData.load(folder, dataset)


def _source(dataset: Source | str, code: str) -> tuple[Source, str]:
    """A source, and the hash of its code."""
    if isinstance(dataset, str):
        importlib.import_module("tfxdr.datasets")  # registers tfxdr's own
        spec = datasets.parse(dataset)
        return spec.build(), code or spec.code
    return dataset, code or code_of(type(dataset).__module__)


def _found(
    fingerprint: str,
    cache_dir: Path,
    options: PreparationOptions,
    say: Callable[[str], None],
) -> PreparedData:
    """What was prepared before.

    Raises:
      InputError: it is not in the cache, or was prepared with other options.
    """
    data = find_prepared(fingerprint, [cache_dir])
    if data is None:
        raise InputError(
            f"--dataset=prepared(fingerprint={fingerprint}): {cache_dir} holds "
            "no such data; name their folder's cache by --cache_dir, or "
            "prepare them again from their source"
        )
    before = data.manifest["options"]
    for name, value in dataclasses.asdict(options).items():
        now = list(value) if isinstance(value, tuple) else value
        if name != "seed" and now != before[name]:
            raise InputError(
                f"--{name}: {data.folder} was prepared with {before[name]}, "
                f"found {now}; leave the option out, or prepare the data again"
            )
    say(f"prepared data: {data.folder} (by their fingerprint)")
    return data


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
