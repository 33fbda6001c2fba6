"""The mode that writes a report of finished runs."""

from __future__ import annotations

from pathlib import Path

from tfxdr.experiments.finished_runs import find_runs
from tfxdr.experiments.reporting import write_report
from tfxdr.options import Options
from tfxdr.training.progress import Progress


def report(options: Options) -> None:
    """Writes `--output` from what the folders of runs hold.

    Raises:
      InputError: there is no such run, or the file cannot be written.
    """
    write_report(
        find_runs(options.run.run, options.run.runs_dir),
        Path(options.recommend.output or "report.html"),
        baseline=options.compare.baseline,
        progress=Progress(),
    )
