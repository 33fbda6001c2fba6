"""Which run `--warm_start` names, and whether another one can start from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import RunFolder, flags_of
from tfxdr.experiments.run_names import LATEST, find_run
from tfxdr.experiments.start import finished_run
from tfxdr.options import Options
from tfxdr.training import distribution

if TYPE_CHECKING:
    from tfxdr.experiments.contender import Contender
    from tfxdr.training.progress import Progress

_FLAG = "--warm_start"


def with_source(
    options: Options, place: Callable[[Options], Path], *, resume: bool
) -> tuple[Options, RunFolder]:
    """Options whose `--warm_start` is the folder of the run that it names.

    A run that is begun has found it; it may be gone by the time that this one
    is finished.

    Args:
      options: as the user gave them.
      place: where the run of some options goes; nothing is touched there.
      resume: go on with what is there.

    Returns:
      The options, and the folder of the run that is to start.

    Raises:
      InputError: no run can start from it, or this one is a part of it.
    """
    text, folder = options.finetune.warm_start, RunFolder(place(options))
    if not text:
        return options, folder
    found = _known(text, folder) if resume else None
    found = found or find_run(text, options.run.runs_dir, _FLAG)
    if found != Path(text):  # or its own spelling, which options.flags hold
        finetune = dataclasses.replace(options.finetune, warm_start=str(found))
        options = dataclasses.replace(options, finetune=finetune)
        folder = RunFolder(place(options))
    if not resume or not _is_begun(folder):
        _check_apart(text, found, folder.path)
        _check(text, RunFolder(found))
    return options, folder


def _known(text: str, folder: RunFolder) -> Path | None:
    """What was the latest run when one began that goes on."""
    is_there = Path(text).exists() or not folder.flags.is_file()
    if is_there or Path(text).parts[0] != LATEST:
        return None
    before = flags_of(folder.before()).get("warm_start")
    return Path(before) if before else None


def _is_begun(folder: RunFolder) -> bool:
    """A worker does not know: the folder is its chief's."""
    return folder.flags.is_file() or not distribution.current().is_chief


def _check_apart(text: str, place: Path, run: Path) -> None:
    """Refuses what would go with the folder of the run, were it replaced.

    Raises:
      InputError: one of both folders is the other one, or lies in it.
    """
    source, own = place.resolve(), run.resolve()
    if source == own or source in own.parents or own in source.parents:
        raise InputError(
            f"{_FLAG}={text}: expected another run than the one that starts "
            f"from it, found {place} for the run in {run}: name another folder "
            "by --run, outside of it"
        )


def _check(text: str, folder: RunFolder) -> None:
    """Finds what no run can start from.

    Raises:
      InputError: it holds no finished run, or one that trained no policy.
    """
    try:
        result = folder.read(_FLAG)
    except InputError as error:
        raise InputError(f"{_FLAG}={text}: {error}") from error
    if "meta" in result:
        raise InputError(
            f"{_FLAG}={text}: expected the run of a sequential backbone, found "
            f"one of --backbone={result.get('backbone')}, whose domains are "
            "trained together"
        )
    if "validation" not in result:
        raise InputError(
            f"{_FLAG}={text}: expected the run of a policy that trains, found "
            f"{result.get('policy')}"
        )
    if not any(folder.weights.glob("*.index")):
        raise InputError(
            f"{_FLAG}={text}: expected the weights of the run in "
            f"{folder.weights}, found none: train it again with --overwrite, "
            "or name another run"
        )


def source_of(run: str, progress: Progress) -> Contender:
    """What the run that `--warm_start` names trained.

    Args:
      run: its folder.
      progress: takes what is said on the way.

    Raises:
      InputError: it holds no finished run, or its data are gone.
    """
    folder = RunFolder(Path(run))
    try:
        folder.read(_FLAG)
        return finished_run(folder, progress)
    except InputError as error:
        raise InputError(f"{_FLAG}={run}: {error}") from error
