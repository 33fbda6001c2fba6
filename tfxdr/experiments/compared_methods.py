"""What a comparison of finished runs comes to in Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.evaluation.comparison import Verdicts
from tfxdr.experiments.finished_runs import JudgedRun, find_runs
from tfxdr.experiments.results import Comparison, FinishedRun
from tfxdr.options import Options
from tfxdr.report.comparison import to_html, to_text, write_comparison

# Folders and patterns, what tfxdr.run and tfxdr.open_run return, or several.
Runs = str | os.PathLike[str] | FinishedRun | Comparison | Iterable["Runs"]


class ComparedMethods(Verdicts):
    """Methods against each other: text, and tables in a notebook.

    Attributes:
      methods: each with the means of its `metrics` over its `seeds`.
      pairs: what two methods differ in by one metric: the `difference` with
        its interval, the `corrected` p-value, and whether it `is_real`.
    """

    def save(self, output: str | os.PathLike[str]) -> Path:
        """Writes the tables; returns the file.

        Args:
          output: a `.md`, `.csv` or `.tex` file.

        Raises:
          InputError: it is another one, or the place cannot be written.
        """
        path = Path(output).expanduser()
        write_comparison(self, path)
        return path

    def __repr__(self) -> str:
        return to_text(self)

    def _repr_html_(self) -> str:
        return to_html(self)


def judged_runs(runs: Runs) -> list[JudgedRun]:
    """What the folders of runs hold, each once.

    Raises:
      InputError: there is no such run, or none at all.
    """
    found = {run.path.resolve(): run for run in _judged(runs)}
    if not found:
        raise InputError("runs: expected finished runs, found none")
    return list(found.values())


def _judged(runs: Runs) -> Iterator[JudgedRun]:
    if isinstance(runs, FinishedRun):
        yield JudgedRun.open(runs.folder)
    elif isinstance(runs, (str, os.PathLike)):
        yield from find_runs(os.fspath(runs), Options().run.runs_dir)
    else:
        for one in runs:
            yield from _judged(one)
