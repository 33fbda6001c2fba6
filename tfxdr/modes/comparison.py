"""The mode that compares finished runs."""

from __future__ import annotations

from pathlib import Path

from tfxdr.experiments import comparing
from tfxdr.experiments.finished_runs import find_runs
from tfxdr.options import Options
from tfxdr.report.comparison import (
    WRITERS,
    print_comparison,
    write_comparison,
)
from tfxdr.report.writers import writer_for


def compare(options: Options) -> None:
    """Prints which methods differ, and writes it to `--output`.

    Raises:
      InputError: runs are not there, or were not judged alike.
    """
    output = Path(options.recommend.output)
    if options.recommend.output:
        writer_for(output, WRITERS)  # A wrong one is refused at once.
    found = comparing.compare(
        find_runs(options.run.run, options.run.runs_dir),
        metrics=options.compare.compare_by,
        baseline=options.compare.baseline,
    )
    print_comparison(found)
    if options.recommend.output:
        write_comparison(found, output)
        print(f"comparison: {output}")
