"""Where a run finds its data again, from any folder and after a move.

A run needs its prepared data, not the files that they were made of. Beside its
options stands where it was started and which data it had; they are looked for
by content in its cache, whether that stayed where it was or moved along.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

from tfxdr.data.prepared import MANIFEST, PreparedData
from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.options import Options

# Lines of a run's flagfile, comments for absl.
_STARTED, _DATA = "# started in ", "# data "
_NEAR = 3  # folders above a run whose caches may be its own
# Options that name what the prepared data were made of.
INPUTS = ("dataset", "data_path")


def record(folder: RunFolder, data: PreparedData) -> str:
    """What a run's flagfile tells of its data."""
    place = os.path.relpath(data.folder.resolve(), folder.path.resolve())
    lines = f"{_STARTED}{Path.cwd()}\n{_DATA}{data.fingerprint} {place}\n"
    return lines.encode("utf-8", "replace").decode()


@dataclasses.dataclass(frozen=True)
class Whereabouts:
    """What is known of a run's data.

    Attributes:
      folder: of the run.
      started: where its relative paths began; "" if it was not told.
      fingerprint: of its data; "" if they were not told.
      place: of the prepared data, from the folder of the run.
    """

    folder: RunFolder
    started: str = ""
    fingerprint: str = ""
    place: str = ""

    @classmethod
    def of(cls, folder: RunFolder) -> Whereabouts:
        """Reads them of a run's flagfile, or of its metrics."""
        started = fingerprint = place = ""
        for line in folder.before().splitlines():
            if line.startswith(_STARTED):
                started = line.removeprefix(_STARTED)
            elif line.startswith(_DATA):
                fingerprint, _, place = line.removeprefix(_DATA).partition(" ")
        if folder.finished:
            fingerprint = folder.read()["data"]["fingerprint"]
        return cls(folder, started, fingerprint, place)

    def settle(self, options: Options) -> tuple[Options, PreparedData | None]:
        """Options with the cache that the run uses, and its prepared data.

        A `--cache_dir` that is not the run's is the only one that is looked
        into; data that are prepared from other inputs are not looked for.
        """
        lines = self.folder.before().splitlines()
        if f"--cache_dir={options.run.cache_dir}" in lines:
            caches = list(dict.fromkeys(self._caches(options.run.cache_dir)))
        else:
            caches = [Path(options.run.cache_dir)]
        if not self._has_inputs_of(options, lines):
            return _with_cache(options, caches), None
        for cache in caches:
            for folder in self._candidates(cache):
                data = PreparedData.load(folder)
                return _with_cache(options, [cache]), data
        return _with_cache(options, caches), None

    def missing(self, error: InputError) -> InputError:
        """What to do where data can be neither found nor prepared."""
        text = (
            f"{error}; the prepared data of the run in {self.folder.path} "
            "were not found either: give their cache by --cache_dir, or the "
            "files that they are made of by --data_path or --dataset"
        )
        if self.started:
            text += f" (the run was started in {self.started})"
        return InputError(text)

    def _has_inputs_of(self, options: Options, lines: list[str]) -> bool:
        given = options.to_flagfile().splitlines()
        names = tuple(f"--{name}=" for name in INPUTS)
        return all(line in lines for line in given if line.startswith(names))

    def _caches(self, name: str) -> Iterator[Path]:
        """Where the cache of the run may be, the likeliest first."""
        run = self.folder.path.resolve()
        if self.place:
            yield Path(os.path.normpath(run / self.place)).parent.parent
        if self.started:
            yield Path(self.started) / name
        yield Path(name)
        for above in run.parents[:_NEAR]:
            yield above / name

    def _candidates(self, cache: Path) -> Iterator[Path]:
        """Folders of the run's data, the one that it had first."""
        known = sorted(
            (cache / "data").glob(f"*/{MANIFEST}"),
            key=lambda path: path.parent.name != Path(self.place).name,
        )
        for path in known:
            try:
                found = json.loads(path.read_bytes()).get("fingerprint")
            except (OSError, ValueError):
                continue  # of another run; whoever opens it will say so
            if self.fingerprint and found == self.fingerprint:
                yield path.parent


def _with_cache(options: Options, caches: list[Path]) -> Options:
    """With the first of some caches that is there."""
    there = [cache for cache in caches if cache.is_dir()]
    run = dataclasses.replace(options.run, cache_dir=str((there or caches)[0]))
    return dataclasses.replace(options, run=run)
