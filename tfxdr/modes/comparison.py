"""The modes that hold finished runs against each other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

from tfxdr.evaluation.comparison import Verdicts
from tfxdr.experiments import comparing
from tfxdr.experiments.finished_runs import JudgedRun, find_runs
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

    def judged(runs: Sequence[JudgedRun]) -> Verdicts:
        return comparing.compare(
            runs,
            metrics=options.compare.compare_by,
            baseline=options.compare.baseline,
        )

    _show(options, judged)


def headroom(options: Options) -> None:
    """Prints whether there is anything to route between two runs.

    Raises:
      InputError: runs are not there, or cannot be routed between.
    """
    from tfxdr.experiments.headroom import headroom
    from tfxdr.training.progress import Progress

    _show(options, functools.partial(headroom, progress=Progress()))


def _show(
    options: Options, judged: Callable[[Sequence[JudgedRun]], Verdicts]
) -> None:
    """Prints what is found of the runs; writes it to `--output`, if given."""
    output = Path(options.recommend.output)
    if options.recommend.output:
        writer_for(output, WRITERS)  # A wrong one is refused at once.
    found = judged(find_runs(options.run.run, options.run.runs_dir))
    print_comparison(found)
    if options.recommend.output:
        write_comparison(found, output)
        print(f"comparison: {output}")
