"""From a servable to a folder that TensorFlow Serving loads."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

import tfxdr
from tfxdr.errors import InputError
from tfxdr.files import (
    check_writable,
    plain_path,
    write_json,
    write_text,
    written_aside,
)
from tfxdr.ops.own_gradients import none_of_our_own
from tfxdr.serving import warm_up
from tfxdr.serving.description import DESCRIPTION, readme
from tfxdr.serving.servable import Servable, Signature

FORMAT = "tfxdr-export"
SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True)
class Export:
    """A published version.

    Attributes:
      folder: the SavedModel.
      compared: requests whose answers are those of the trained model.
      records: of warm-up; `None` without TensorFlow Serving's protos.
    """

    folder: Path
    compared: int
    records: int | None


def export(
    servable: Servable,
    export_dir: str | Path,
    *,
    warm_up_sizes: Sequence[int] = (1,),
    about: Mapping[str, object] | None = None,
    titles: Mapping[str, str] | None = None,
) -> Export:
    """Publishes a new version of a model.

    It is written beside the others and takes its place, the next number, only
    when its answers from raw ids on equal those of the trained model, and when
    all warm-up records have been run through what was saved.

    Args:
      servable: what is exported.
      export_dir: holds the versions `1`, `2`, ….
      warm_up_sizes: rows of the warm-up requests: the `allowed_batch_sizes` of
        the server.
      about: of the run, for `signature.json`.
      titles: of target items by raw id, for those who print answers.

    Raises:
      InputError: if the folder cannot be written.
      TrainingError: if the saved model answers otherwise, or a record fails.
    """
    base = Path(export_dir)
    folder = base / str(next_version(base))
    log = warm_up.protos()
    records = None
    with written_aside(folder, "--export_dir", first=True) as aside:
        functions = save(servable, aside)
        description = {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "kind": servable.kind,
            "tfxdr": tfxdr.__version__,
            "tensorflow": tf.__version__,
            "signatures": {
                name: _tensors(functions[name], signature)
                for name, signature in servable.signatures.items()
            },
            **servable.facts,
            **servable.beside(aside),
            **(about or {}),
        }
        write_json(aside / DESCRIPTION, description)
        if titles is not None:
            write_json(aside / "titles.json", dict(titles))
        write_text(
            aside / "README.md", readme(description, base.resolve().name)
        )
        if log is not None:
            records = warm_up.write(
                aside, servable.signatures, warm_up_sizes, log
            )
        loaded = load(aside).signatures
        compared = servable.check(loaded)
        if log is not None:
            warm_up.replay(aside, loaded, log)
    return Export(folder, compared, records)


def save(
    servable: Servable, folder: Path, signatures: Sequence[str] = ()
) -> dict:
    """Writes a SavedModel; returns the concrete functions by signature.

    Only what the functions read is saved: no layers, no optimizer.

    Args:
      servable: what is saved.
      folder: where to.
      signatures: their names; all by default.
    """
    with none_of_our_own():
        functions = {
            name: servable.signatures[name].function.get_concrete_function()
            for name in signatures or servable.signatures
        }
    root = tf.Module()
    root.known_rows = servable.known_rows
    for name, part in servable.tracked.items():
        setattr(root, name, part)
    read = {
        variable.ref(): variable
        for function in functions.values()
        for variable in function.graph.variables
    }
    root.parameters = list(read.values())
    with plain_path(folder) as place:
        tf.saved_model.save(root, str(place), signatures=functions)
    return functions


def load(folder: Path) -> Any:
    """What `save` wrote, with its `signatures`."""
    with plain_path(folder) as place:
        return tf.saved_model.load(str(place))


def check_place(export_dir: str | Path) -> None:
    """Finds what would keep a version from being written, before it is made.

    Raises:
      InputError: the folder cannot be written, or is a file.
    """
    base = Path(export_dir)
    next_version(base)
    check_writable(base, "--export_dir")


def next_version(base: Path) -> int:
    """One more than the highest that is there.

    Raises:
      InputError: if the folder is a file.
    """
    if base.exists() and not base.is_dir():
        raise InputError(
            f"--export_dir={base}: expected a folder, found a file"
        )
    return max(versions(base), default=0) + 1


def versions(base: Path) -> list[int]:
    """The versions that are there, rising; what is not a number is none."""
    if not base.is_dir():
        return []
    return sorted(
        int(path.name)
        for path in base.iterdir()
        if path.name.isdecimal() and path.is_dir()
    )


def _tensors(function, signature: Signature) -> dict[str, object]:
    """Names, types and meanings of what goes in and what comes out."""

    def described(name: str, spec) -> dict[str, object]:
        return {
            "dtype": spec.dtype.name,
            "shape": [-1 if size is None else size for size in spec.shape],
            "meaning": signature.meaning[name],
        }

    arguments, _ = function.structured_input_signature
    return {
        "inputs": {spec.name: described(spec.name, spec) for spec in arguments},
        "outputs": {
            name: described(name, spec)
            for name, spec in function.structured_outputs.items()
        },
    }
