"""What every data source promises."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import tfxdr.datasets  # noqa: F401  Registers tfxdr's own.
from tfxdr.data.prepare import prepare
from tfxdr.data.prepared import PreparedData
from tfxdr.data.splits import TRAIN
from tfxdr.datasets.base import Source
from tfxdr.registry import Spec, datasets
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_instance,
)
from tfxdr.types import FIRST_ITEM

DATASET = Contract(datasets)


def _source(spec: Spec) -> Source:
    source = spec.build()
    expect_instance(source, Source)
    return source


def _prepared(spec: Spec, folder: str) -> PreparedData:
    return prepare(_source(spec), cache_dir=Path(folder))


@DATASET.promise
def it_has_users_with_histories(spec: Spec) -> None:
    """Prepared, it has users, histories and, if it says so, targets."""
    source = _source(spec)
    with tempfile.TemporaryDirectory() as folder:
        data = _prepared(spec, folder)
        users = data.users()
        expect(len(users), "there are no users")
        expect(len(users.history.values), "nobody has a history")
        trained = len(users.targets(TRAIN).values)
        expect(
            bool(trained) == source.has_target,
            f"has_target is {source.has_target}, and {trained} training "
            "instances were found",
        )


@DATASET.promise
def every_item_has_a_raw_id(spec: Spec) -> None:
    """Items are those of the vocabularies, and no raw id stands there twice."""
    with tempfile.TemporaryDirectory() as folder:
        data = _prepared(spec, folder)
        users = data.users()
        for domain, rows, ids in (
            ("source", users.history.values, data.source_ids),
            ("target", users.target.values, data.target_ids),
        ):
            expect(len(set(ids)) == len(ids), f"{domain}: an id stands twice")
            inside = (rows >= FIRST_ITEM) & (rows < FIRST_ITEM + len(ids))
            expect(np.all(inside), f"{domain}: an item has no raw id")


@DATASET.promise
def reading_it_again_gives_the_same(spec: Spec) -> None:
    """Two preparations of the same input and options are equal."""
    found = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            found.append(_prepared(spec, folder).fingerprint)
    expect(found[0] == found[1], f"fingerprints {found}")


@DATASET.promise
def its_options_are_known(spec: Spec) -> None:
    """`options` holds every option, so that the cache knows of it."""
    source = _source(spec)
    kept = source.options()
    for option, value in spec.options.items():
        if isinstance(getattr(source, option, None), Path):
            continue
        expect(
            option in kept and kept[option] == value,
            f"options() should hold {option}={value!r}: {kept}",
        )
    files = source.files()
    expect(
        all(Path(path).exists() for path in files),
        f"a file is missing: {files}",
    )
