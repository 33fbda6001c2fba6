"""The mode that writes a report of finished runs."""

from __future__ import annotations

from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.experiments.finished_runs import find_runs
from tfxdr.experiments.reporting import report as told_of
from tfxdr.experiments.reporting import write_report
from tfxdr.options import Options
from tfxdr.report.page import WRITERS
from tfxdr.training.progress import Progress


def report(options: Options) -> None:
    """Writes `--output` from what the folders of runs hold.

    Raises:
      InputError: there is no such run, or the file cannot be written.
    """
    output = Path(options.recommend.output or "report.html")
    if output.suffix not in WRITERS:
        raise InputError(
            "--output: expected a file that ends in one of "
            f"{', '.join(WRITERS)}, found {output}"
        )
    runs = find_runs(options.run.run, options.run.runs_dir)
    told = told_of(runs, baseline=options.compare.baseline, progress=Progress())
    write_report(told, output, print)
