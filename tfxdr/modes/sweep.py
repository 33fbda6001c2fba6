"""The mode that runs many flagfiles with many seeds, tuned alike."""

from __future__ import annotations

import glob
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfxdr.errors import TrainingError
from tfxdr.experiments.finished_runs import JudgedRun, runs_in
from tfxdr.experiments.run_names import sweep_folder
from tfxdr.experiments.searching import searched
from tfxdr.experiments.sweeping import Job, flagfiles, run_jobs
from tfxdr.files import write_text
from tfxdr.options import Options
from tfxdr.options.groups import GROUPS
from tfxdr.options.settings import settings_of
from tfxdr.options.sweeps import Sweep
from tfxdr.registry.metric_names import at_cutoff
from tfxdr.report.run import result_row
from tfxdr.report.table import Row, print_table, to_csv, to_markdown

# Options of the sweep itself, which its runs do not get.
_OWN = {"mode", "run", "resume", "overwrite", "seed", *settings_of(Sweep)}


def sweep(options: Options) -> None:
    """Runs what is missing, and prints the table of all that is there.

    Raises:
      InputError: flagfiles or the search cannot be read.
      TrainingError: some run failed; all others are done.
    """
    chosen = options.sweep
    files = flagfiles(chosen.sweep)
    given = _given_words(options)
    seeds = chosen.seeds
    if not seeds and "seed" in options.given:
        seeds = options.run.seed
    what = [*map(str, files.values()), *given, chosen.search, chosen.grid]
    folder = Path(options.run.run or sweep_folder(options.run.runs_dir, what))
    methods = {
        name: [f"--flagfile={path}", *given] for name, path in files.items()
    }
    if chosen.search or chosen.grid:
        methods = _tuned(options, methods, folder, seeds)
    jobs = [
        job
        for name, words in methods.items()
        for job in _jobs(name, words, seeds, folder)
    ]
    failed = run_jobs(jobs, _say)
    rows = _rows(folder, methods)
    if rows:
        shown = at_cutoff(rows[0].metrics, options.evaluate.top_n[0])
        print_table(rows, metrics=shown, title="\nmeans over seeds")
        write_text(folder / "results.md", to_markdown(rows))
        write_text(folder / "results.csv", to_csv(rows))
        print(f"results: {folder}")
    if failed:
        told = "".join(f"\n  {name}: {why}" for name, why in failed.items())
        raise TrainingError(
            f"--mode=sweep: {len(failed)} of {len(jobs)} runs failed; mend "
            f"what they tell, and start the sweep again:{told}"
        )


def _tuned(
    options: Options,
    methods: Mapping[str, Sequence[str]],
    folder: Path,
    seeds: Sequence[int],
) -> dict[str, list[str]]:
    """Every method with the best options that its search found."""
    chosen = options.sweep
    search = searched(
        chosen.search, chosen.grid, chosen.trials, options.run.seed[0]
    )
    seed = [f"--seed={seeds[0]}"] if seeds else []
    found = {}
    for name, words in methods.items():
        place = folder / "search" / name
        search.tune(name, [*words, *seed], place, _say)
        found[name] = [*words, f"--flagfile={place / 'best.flags'}"]
    return found


def _jobs(
    name: str, words: Sequence[str], seeds: Sequence[int], folder: Path
) -> list[Job]:
    if not seeds:
        return [Job(name, words, folder / name)]
    return [
        Job(
            f"{name}, seed {seed}",
            [*words, f"--seed={seed}"],
            folder / f"{name}-seed-{seed}",
        )
        for seed in seeds
    ]


def _rows(folder: Path, methods: Mapping[str, object]) -> list[Row]:
    """Of what is finished: one for each method and component."""
    results: dict[str, list[dict]] = {}
    for name in methods:
        seeded = sorted(folder.glob(f"{glob.escape(name)}-seed-*"))
        for place in (folder / name, *seeded):
            for path in runs_in(place):
                run = JudgedRun.open(path)
                label = name if path == place else f"{name}: {run.component}"
                results.setdefault(label, []).append(run.result)
    return [result_row(label, found) for label, found in results.items()]


def _given_words(options: Options) -> list[str]:
    """What the command line sets for all runs."""
    words = []
    for group, declared in GROUPS.items():
        for name, setting in settings_of(declared).items():
            if name in options.given and name not in _OWN:
                value = getattr(getattr(options, group), name)
                words.append(f"--{name}={setting.format(value)}")
    return [*words, *options.extra]


def _say(line: str) -> None:
    print(line)
    sys.stdout.flush()
