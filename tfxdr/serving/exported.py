"""Reading an export in Python, as a client without a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfxdr.errors import InputError
from tfxdr.files import read_json
from tfxdr.ops.bundles import DAMAGED
from tfxdr.serving.description import DESCRIPTION
from tfxdr.serving.export import FORMAT, SCHEMA_VERSION, load, versions
from tfxdr.serving.recommender import Recommender


def open_export(export_dir: str | Path) -> tuple[Path, Recommender]:
    """The newest version, or the one that is named.

    Args:
      export_dir: the folder of all versions, or of one.

    Returns:
      The version's folder, and what answers from it.

    Raises:
      InputError: if there is no export that this version of tfxdr reads.
    """
    base = Path(export_dir)
    known = versions(base)
    folder = base / str(known[-1]) if known else base
    path = folder / DESCRIPTION
    if not path.is_file():
        raise InputError(
            f"--export_dir={base}: found no export ({path} is missing); make "
            "one by --mode=export --run=FOLDER"
        )
    description = read_json(path)
    if (description.get("format"), description.get("schema_version")) != (
        FORMAT,
        SCHEMA_VERSION,
    ):
        raise InputError(
            f"{path} does not describe an export that this version of tfxdr "
            "reads: export the run again"
        )
    _check_facts(description, path)
    try:
        loaded = load(folder)
    except (OSError, *DAMAGED) as error:
        raise InputError(
            f"{folder} cannot be loaded, export the run again: {error}"
        ) from error
    titles = folder / "titles.json"
    return folder, Recommender(
        loaded.signatures,
        loaded.known_rows,
        description,
        read_json(titles) if titles.is_file() else {},
    )


def _check_facts(description: Mapping[str, Any], path: Path) -> None:
    """Finds that something is missing of what answers are made with."""
    needed: dict[str, type] = {"k_max": int}
    if description.get("kind") != "joint":
        needed |= {"max_history": int, "blocks": list}
    for name, kind in needed.items():
        if not isinstance(description.get(name), kind):
            raise InputError(
                f"{path}: expected {name}, found none; export the run again"
            )
