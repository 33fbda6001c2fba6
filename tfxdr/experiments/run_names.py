"""What run folders are called, and how one is found by a part of its name."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import FREE
from tfxdr.options import Options
from tfxdr.registry import Spec

LATEST = "latest"
_SHORT = 4  # digits of a hash that tell the runs of one user apart


def default_folder(options: Options, names: Sequence[str]) -> Path:
    """Where a run goes by default; the same options give the same folder.

    It is called `gumbel-3f2a`, or `zero+2-3f2a` where two more are compared,
    with more of the hash where runs of other options have the same name.

    Args:
      options: of the run.
      names: of the components that are compared.
    """
    wanted = _identity(options.to_flagfile())
    digest = _hash("\n".join(wanted), 16)
    title = names[0] if len(names) == 1 else f"{names[0]}+{len(names) - 1}"
    runs = Path(options.run.runs_dir)
    for length in range(_SHORT, len(digest)):
        flags = runs / f"{title}-{digest[:length]}" / "options.flags"
        if not flags.is_file() or _identity(flags.read_text("utf-8")) == wanted:
            return flags.parent
    return runs / f"{title}-{digest}"


def sweep_folder(runs_dir: str, told: Iterable[str]) -> Path:
    """Where a sweep goes by default; the same sweep has the same folder.

    Args:
      runs_dir: where runs are made.
      told: all that says what the sweep is.
    """
    digest = _hash("\n".join(told), 2)
    return Path(runs_dir) / f"sweep-{digest}"


def _identity(flagfile: str) -> list[str]:
    """The lines that results depend on."""
    free = tuple(f"--{name}=" for name in FREE)
    return [
        line
        for line in flagfile.splitlines()
        if line.startswith("--") and not line.startswith(free)
    ]


def find_run(run: str, runs_dir: str, flag: str = "--run") -> Path:
    """The folder of a run that is there.

    Args:
      run: its path; or the beginning of the path, or of a name in `runs_dir`;
        or `latest` for the run there that was started or ended last, and
        `latest/zero` for one in it.
      runs_dir: where runs are made by default.
      flag: the option that names it, for the message.

    Returns:
      The folder; `run` as a path if nothing is called so.

    Raises:
      InputError: several runs begin so.
    """
    path = Path(run)
    if (path / "options.flags").is_file() or not run:
        return path
    first, *rest = path.parts
    if first == LATEST and not path.exists():
        known = _runs(Path(runs_dir))
        if not known:
            raise InputError(
                f"{flag}={run}: there is no run in --runs_dir={runs_dir}; "
                "expected the folder of one"
            )
        newest = max(known, key=_last_touched)
        if not rest:
            return newest
        return find_run(str(newest.joinpath(*rest)), runs_dir, flag)
    for parent in (path.parent, Path(runs_dir) / path.parent):
        found = [p for p in _runs(parent) if p.name.startswith(path.name)]
        if len(found) > 1:
            names = ", ".join(sorted(p.name for p in found))
            raise InputError(
                f"{flag}={run}: several runs in {parent} begin so: {names}; "
                "write more of the name"
            )
        if found:
            return found[0]
    return path


def _runs(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [p.parent for p in folder.glob("*/options.flags")]


def _last_touched(run: Path) -> float:
    files = (run / "options.flags", run / "history.csv", run / "metrics.json")
    return max(file.stat().st_mtime for file in files if file.is_file())


def folder_names(specs: Sequence[Spec]) -> dict[Spec, str]:
    """What the folders of several components are called.

    By their spelling, with `_` for what a file's name should not hold; of
    those that end up alike, in capitals or not, each has a hash behind it.
    """
    plain = {spec: _as_file_name(str(spec)) for spec in specs}
    times = collections.Counter(name.lower() for name in plain.values())
    return {
        spec: name if times[name.lower()] == 1 else f"{name}-{_hash(str(spec))}"
        for spec, name in plain.items()
    }


def _as_file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.=" else "_" for c in text)


def _hash(text: str, size: int = 4) -> str:
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
