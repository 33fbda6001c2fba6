"""Data that Python gives to a run, as options that replay it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

from tfxdr.data.prepare import prepare
from tfxdr.data.prepared import PreparedData
from tfxdr.datasets.base import Source
from tfxdr.errors import InputError
from tfxdr.options import Options
from tfxdr.registry import datasets
from tfxdr.registry.spec_text import render_call

# Options of the data that a manifest holds; it calls --split_seed `seed`.
_PREPARED = ("split", "split_fractions", "max_history", "max_bad_rows")


@dataclasses.dataclass(frozen=True)
class Given:
    """Data, and the options by which a command line would have them.

    Attributes:
      options: by name.
      data: prepared already; none: the options make them.
    """

    options: Mapping[str, Any]
    data: PreparedData | None = None


def resolve(
    data: PreparedData | Source | str | None,
    options: Mapping[str, Any],
    make: Callable[[Mapping[str, Any]], Options],
    say: Callable[[str], None],
) -> Given:
    """What a run is given, in the options' words.

    Args:
      data: prepared, a source, the text of one, or none.
      options: by name, as the caller set them.
      make: of options by name; checks them.
      say: called with a line where no text can replay the data.

    Raises:
      InputError: data and options contradict each other.
    """
    if data is None:
        return Given(options)
    for name in ("dataset", "data_path"):
        if name in options:
            raise InputError(
                f"{name}: the data are given already, as the first argument; "
                "give them once"
            )
    if isinstance(data, str):
        return Given({**options, "dataset": data})
    if isinstance(data, PreparedData):
        return _of_prepared(data, options, make, say)
    if not isinstance(data, Source):
        raise InputError(
            "tfxdr.run: expected prepared data, a source, or a text such as "
            f"'movielens(path=ml-1m)', found {type(data).__name__}"
        )
    text = text_of(data)
    if text is not None:
        return Given({**options, "dataset": text})
    chosen = make(options)
    names = {name: getattr(chosen.data, name) for name in _PREPARED}
    prepared = prepare(
        data,
        cache_dir=chosen.run.cache_dir,
        split_seed=chosen.data.split_seed,
        engine=chosen.data.engine,
        report=say,
        **names,
    )
    return _of_prepared(prepared, options, make, say)


def _of_prepared(
    data: PreparedData,
    options: Mapping[str, Any],
    make: Callable[[Mapping[str, Any]], Options],
    say: Callable[[str], None],
) -> Given:
    before = data.manifest["options"]
    drawn = {name: before[name] for name in _PREPARED}
    chosen = make({**drawn, "split_seed": before["seed"], **options})
    for name in _PREPARED:
        now = getattr(chosen.data, name)
        if (list(now) if isinstance(now, tuple) else now) != before[name]:
            raise InputError(
                f"{name}: the data were prepared with {before[name]}, found "
                f"{now}; leave it out, or prepare them with it"
            )
    source = data.source
    text = text_of(source) if isinstance(source, Source) else source
    if text is None or chosen.data.split_seed != before["seed"]:
        text = render_call("prepared", {"fingerprint": data.fingerprint})
        say(
            f"note: only {data.folder} has these data: the run is replayed "
            "as long as the cache keeps them"
        )
    named = {
        **drawn,
        "split_seed": chosen.data.split_seed,
        **options,
        "dataset": text,
    }
    return Given(named, data)


def text_of(source: Source) -> str | None:
    """The `--dataset` that is equal to a source; none if there is none."""
    for entry in datasets.entries():
        if entry.factory is type(source):
            break
    else:
        return None
    given = {}
    for name, option in entry.parameters.items():
        value = getattr(source, name, None)
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        if option.required or value != option.default:
            given[name] = value
    try:
        text = render_call(entry.name, given)
        twin = datasets.parse(text).build()
        same = twin.options() == source.options()
        return text if same and twin.files() == source.files() else None
    # An option of any type at all has a text or an equal, or not.
    except (InputError, TypeError, ValueError):
        return None
