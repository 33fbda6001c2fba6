"""The mode that compares finished runs."""

from __future__ import annotations

from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.experiments import comparing
from tfxdr.experiments.finished_runs import find_runs
from tfxdr.files import write_text
from tfxdr.options import Options
from tfxdr.report.comparison import WRITERS, print_comparison


def compare(options: Options) -> None:
    """Prints which methods differ, and writes it to `--output`.

    Raises:
      InputError: runs are not there, or were not judged alike.
    """
    output = Path(options.recommend.output)
    if options.recommend.output and output.suffix not in WRITERS:
        raise InputError(
            "--output: expected a file that ends in one of "
            f"{', '.join(WRITERS)}, found {output}"
        )
    found = comparing.compare(
        find_runs(options.run.run, options.run.runs_dir),
        metrics=options.compare.compare_by,
        baseline=options.compare.baseline,
    )
    print_comparison(found)
    if options.recommend.output:
        write_text(output, WRITERS[output.suffix](found))
        print(f"comparison: {output}")
