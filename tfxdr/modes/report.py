"""The modes that write of finished runs: a report, and a page of results."""

from __future__ import annotations

from pathlib import Path

from tfxdr.experiments.finished_runs import find_runs
from tfxdr.experiments.reporting import write_report
from tfxdr.experiments.studies import TITLE, find_studies
from tfxdr.experiments.studies import results as all_results
from tfxdr.options import Options
from tfxdr.report.page import WRITERS, written_sections
from tfxdr.report.story import listed
from tfxdr.report.writers import writer_for
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


def results(options: Options) -> None:
    """Writes `--output`, a page of all studies in the folder `--run`.

    What a Markdown page tells of others already, whose runs may be elsewhere by
    now, stays.

    Raises:
      InputError: there is no run, or the file cannot be written.
    """
    place = Path(options.run.run or options.run.runs_dir).expanduser()
    path = Path(options.recommend.output or "RESULTS.md")
    write = writer_for(path, WRITERS)
    studies, progress = find_studies(place), Progress()
    names = {study.name for study in studies}
    known = written_sections(path, TITLE) if path.suffix == ".md" else []
    kept = [section for section in known if section.title not in names]
    write(all_results(studies, kept), path, "--output")
    if kept:
        titles = listed([section.title for section in kept])
        progress.say(f"kept, as their runs are not in {place}: {titles}")
    progress.say(f"results: {path}")
