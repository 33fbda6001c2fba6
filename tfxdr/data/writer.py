"""Fills a folder with records and vocabularies, by an engine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import tfxdr
from tfxdr.data.engines.base import Engine, PreparationOptions
from tfxdr.data.prepared import FORMAT, SCHEMA_VERSION
from tfxdr.data.summary import balance
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.rejects import Rejects

_MIN_SHARDS = 4
_SHARD_USERS = 16_384


def build(
    engine: Engine,
    dataset: Source,
    options: PreparationOptions,
    folder: Path,
    say: Callable[[str], None],
) -> dict:
    """Writes shards, vocabularies and what is known of items.

    Returns the manifest.

    The manifest lacks what only the caller knows: key and inputs.
    """
    rejects = Rejects(options.max_bad_rows)
    contents = engine.build(dataset, options, folder, rejects, say)
    counts = contents.counts | {"bad_rows": len(rejects)}
    balance(counts)  # No row vanishes.
    files = contents.shards + contents.vocabularies
    listed = json.dumps(files, sort_keys=True)
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "library_version": tfxdr.__version__,
        "dataset": dataset.name,
        "dataset_options": dataset.options(),
        "protocol": dataset.protocol,
        "options": dataclasses.asdict(options),
        "bad_rows": rejects.examples(),
        "notes": rejects.notes,
        "fingerprint": hashlib.sha256(listed.encode()).hexdigest(),
        "source_fingerprint": contents.source_fingerprint,
        "counts": counts,
        "time_boundaries": contents.boundaries,
        "columns": dataclasses.asdict(contents.columns),
        "shards": [entry["file"] for entry in contents.shards],
        "files": files,
    }


def shard_size(num_users: int) -> int:
    """How many users a shard holds; the last one may hold fewer."""
    return min(_SHARD_USERS, -(-num_users // _MIN_SHARDS))


def shard_name(index: int, num_shards: int) -> str:
    """What a shard's file is called."""
    return f"users-{index:05d}-of-{num_shards:05d}.tfrecord"
