"""The mode that runs many flagfiles with many seeds, tuned alike."""

from __future__ import annotations

import dataclasses
import glob
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from tfxdr.errors import InputError, TrainingError
from tfxdr.experiments.finished_runs import JudgedRun, runs_in
from tfxdr.experiments.run_names import sweep_folder
from tfxdr.experiments.searching import searched
from tfxdr.experiments.start import ready
from tfxdr.experiments.studies import COMMAND
from tfxdr.experiments.sweeping import Job, flagfiles, run_jobs
from tfxdr.files import write_text
from tfxdr.options import Options, flagfile
from tfxdr.options.groups import GROUPS
from tfxdr.options.settings import settings_of
from tfxdr.options.sweeps import Sweep
from tfxdr.policies import Baseline
from tfxdr.registry import datasets, policies
from tfxdr.registry.metric_names import at_cutoff
from tfxdr.report.run import result_row
from tfxdr.report.table import Row, print_table, to_csv, to_markdown

# Options of a folder, and of the sweep itself, which its runs do not get.
_OF_FOLDER = {"mode", "run", "resume", "overwrite"}
_OWN = {*_OF_FOLDER, "seed", *settings_of(Sweep)}


def sweep(options: Options) -> None:
    """Runs what is missing, and prints the table of all that is there.

    Raises:
      InputError: flagfiles or the search cannot be read.
      TrainingError: some run failed; all others are done.
    """
    chosen = options.sweep
    files = flagfiles(chosen.sweep)
    given = [f"--{name}={text}" for name, text in _given(options, _OWN)]
    given += options.extra
    seeds = chosen.seeds
    if not seeds and not chosen.worlds and "seed" in options.given:
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
        for job in _jobs(name, words, seeds, chosen.worlds, folder)
    ]
    write_text(folder / COMMAND, _command(options))
    failed = run_jobs(jobs, _say)
    rows = _rows(folder, methods)
    if rows:
        shown = at_cutoff(rows[0].metrics, options.evaluate.top_n[0])
        over = "worlds" if chosen.worlds else "seeds"
        print_table(rows, metrics=shown, title=f"\nmeans over {over}")
        write_text(folder / "results.md", to_markdown(rows))
        write_text(folder / "results.csv", to_csv(rows))
        print(f"results: {folder}")
    if failed:
        told = "".join(f"\n  {name}: {why}" for name, why in failed.items())
        raise TrainingError(
            f"--mode=sweep: {len(failed)} of {len(jobs)} runs failed; mend "
            f"what they tell, and start the sweep again:{told}"
        )


def _command(options: Options) -> str:
    """The flagfile that runs the sweep again."""
    given = [("mode", "sweep"), *_given(options, _OF_FOLDER)]
    lines = [flagfile.line(name, text) for name, text in given]
    return "".join(f"{line}\n" for line in [*lines, *options.extra])


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
    found = {}
    for name, words in methods.items():
        if _only_counts(words):
            found[name] = list(words)
            _say(f"{name}: counts, and has nothing to tune")
            continue
        place = folder / "search" / name
        (job,) = _jobs(name, words, seeds[:1], chosen.worlds[:1], place)
        search.tune(name, job.words, place, _say)
        found[name] = [*words, f"--flagfile={place / 'best.flags'}"]
    return found


def _only_counts(words: Sequence[str]) -> bool:
    """Whether all that a command line compares are baselines."""
    specs = policies.parse_list(_options_of(words).model.policy)
    return all(issubclass(spec.entry.product, Baseline) for spec in specs)


def _options_of(words: Sequence[str]) -> Options:
    """What a command line asks for, with its plugins loaded."""
    from tfxdr.options import parse

    return ready(parse(["tfxdr", *words]))


def _jobs(
    name: str,
    words: Sequence[str],
    seeds: Sequence[int],
    worlds: Sequence[int],
    folder: Path,
) -> Iterator[Job]:
    for seed in seeds:
        place = folder / f"{name}-seed-{seed}"
        yield Job(f"{name}, seed {seed}", [*words, f"--seed={seed}"], place)
    for world in worlds:
        place = folder / f"{name}-world-{world}"
        yield Job(f"{name}, world {world}", in_world(words, world), place)
    if not (seeds or worlds):
        yield Job(name, words, folder / name)


def in_world(words: Sequence[str], world: int) -> list[str]:
    """A command line of generated data, with another world of them.

    Raises:
      InputError: it cannot be read, or its data set has no seed, and so is
        not generated.
    """
    spec = datasets.parse(_options_of(words).data.dataset)
    if "seed" not in spec.resolved():
        raise InputError(
            f"--worlds: expected generated data, whose data set has a seed, "
            f"found --dataset={spec}; use --seeds"
        )
    spec = dataclasses.replace(spec, options={**spec.options, "seed": world})
    return [
        *(*words, f"--dataset={spec}"),
        *(f"--split_seed={world}", f"--seed={world}"),
    ]


def _rows(folder: Path, methods: Mapping[str, object]) -> list[Row]:
    """Of what is finished: one for each method and component."""
    results: dict[str, list[dict]] = {}
    for name in methods:
        own = glob.escape(name)
        several = [
            *sorted(folder.glob(f"{own}-seed-*")),
            *sorted(folder.glob(f"{own}-world-*")),
        ]
        for place in (folder / name, *several):
            for path in runs_in(place):
                run = JudgedRun.open(path)
                label = name if path == place else f"{name}: {run.component}"
                results.setdefault(label, []).append(run.result)
    return [result_row(label, found) for label, found in results.items()]


def _given(
    options: Options, without: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Options that the command line sets, with their texts, but for some."""
    for group, declared in GROUPS.items():
        for name, setting in settings_of(declared).items():
            if name in options.given and name not in without:
                value = getattr(getattr(options, group), name)
                yield name, setting.format(value)


def _say(line: str) -> None:
    print(line)
    sys.stdout.flush()
