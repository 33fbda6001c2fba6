"""Tuning the options of every method alike, by validation alone.

Optuna proposes (TPE; Bergstra et al. 2011), stops trials that are below the
median of the others at the same epoch, and keeps a journal beside the sweep's
runs, from which a search goes on and which several processes share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError, TrainingError
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.search_space import (
    Choice,
    Range,
    Space,
    Value,
    grid,
    parse_space,
    word,
)
from tfxdr.experiments.sweeping import Job, claim
from tfxdr.files import write_text
from tfxdr.options import Options
from tfxdr.registry.metric_names import rising
from tfxdr.report.history import read_history

if TYPE_CHECKING:
    import optuna

_JOURNAL = "journal.log"
_WARM_UP = 3  # epochs of a trial, and trials, before any is stopped


@dataclasses.dataclass(frozen=True)
class Search:
    """How options of a method are tuned.

    Attributes:
      space: what is varied.
      trials: how many are tried; of a grid, all.
      is_grid: every combination is tried once.
      seed: of what is proposed.
    """

    space: Space
    trials: int
    is_grid: bool = False
    seed: int = 0

    def tune(
        self,
        name: str,
        words: Sequence[str],
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        """Finds the best options for a method: `best.flags` in the folder.

        Args:
          name: of the method.
          words: of its command line, without folder and varied options.
          folder: of its trials and of the journal.
          say: called with a line for each trial.

        Raises:
          InputError: Optuna is not installed, or a method has no validation.
          TrainingError: no trial came to its end.
        """
        folder.mkdir(parents=True, exist_ok=True)
        study = self._study(name, folder)
        self._give_up_the_dead(study, folder)
        self._propose_grid(study)
        while len(_counted(study)) < self.trials:
            # Draws anew after what is there, so that a search can go on.
            seed = self.seed + len(study.trials)
            study.sampler = _optuna().samplers.TPESampler(seed=seed)
            trial = study.ask(self._distributions())
            self._try(study, trial, words, folder, say)
            _check_progress(study, folder)
        best = study.best_trial
        told = f"{abs(study.best_value):.6g} in validation"
        chosen = self._words(best.params)
        write_text(
            folder / "best.flags",
            f"# The best of {len(_counted(study))} trials of {name}: "
            f"{told} (trial {best.number}).\n"
            + "".join(f"{text}\n" for text in chosen),
        )
        say(
            f"{name}: best of {len(_counted(study))} trials is "
            f"{' '.join(chosen)} ({told})"
        )

    def _words(self, chosen: Mapping[str, Value]) -> list[str]:
        """Options of a trial; numbers that were drawn have three digits."""
        return [
            word(
                name,
                float(f"{value:.3g}")
                if isinstance(self.space[name], Range)
                and isinstance(value, float)
                else value,
            )
            for name, value in chosen.items()
        ]

    def _study(self, name: str, folder: Path) -> optuna.Study:
        optuna = _optuna()
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        journal = JournalStorage(JournalFileBackend(str(folder / _JOURNAL)))
        # The direction is known once a trial says by what it was judged.
        return optuna.create_study(
            study_name=name,
            storage=journal,
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=_WARM_UP, n_warmup_steps=_WARM_UP
            ),
        )

    def _propose_grid(self, study: optuna.Study) -> None:
        """Every combination that has not been proposed yet."""
        if self.is_grid:
            for chosen in grid(self.space):
                study.enqueue_trial(chosen, skip_if_exists=True)

    def _distributions(
        self,
    ) -> dict[str, optuna.distributions.BaseDistribution]:
        kinds = _optuna().distributions
        found = {}
        for name, values in self.space.items():
            if isinstance(values, Choice):
                found[name] = kinds.CategoricalDistribution(values.values)
            elif values.kind == "int":
                found[name] = kinds.IntDistribution(
                    int(values.low), int(values.high)
                )
            else:
                found[name] = kinds.FloatDistribution(
                    values.low, values.high, log=values.kind == "log"
                )
        return found

    def _give_up_the_dead(self, study: optuna.Study, folder: Path) -> None:
        """Trials whose process is gone count as failed, and are repeated."""
        states = _optuna().trial.TrialState
        for trial in study.get_trials(states=[states.RUNNING]):
            with claim(_place(folder, trial.number)) as free:
                if free:
                    study.tell(trial.number, state=states.FAIL)
                    study.enqueue_trial(trial.params)

    def _try(
        self,
        study: optuna.Study,
        trial: optuna.Trial,
        words: Sequence[str],
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        states = _optuna().trial.TrialState
        chosen = self._words(trial.params)
        job = Job(
            f"trial-{trial.number}",
            [*words, *chosen],
            _place(folder, trial.number),
        )
        with claim(job.folder):
            ended_well = job.run(_Watch(trial, job.folder).goes_on)
        told = f"{study.study_name}, {job.name}, {' '.join(chosen)}"
        if ended_well:
            value = _validation(job.folder)
            study.tell(trial, value)
            say(f"{told}: {abs(value):.4f} in validation")
        elif trial.should_prune():
            study.tell(trial, state=states.PRUNED)
            say(f"{told}: stopped, below the median")
        else:
            study.tell(trial, state=states.FAIL)
            say(f"{told}: FAILED: {job.why()}")


def searched(search: str, grid_text: str, trials: int, seed: int) -> Search:
    """Of the options of a sweep.

    Raises:
      InputError: they cannot be read.
    """
    if search:
        return Search(parse_space(search, "--search"), trials, seed=seed)
    space = parse_space(grid_text, "--grid")
    return Search(space, len(list(grid(space))), is_grid=True, seed=seed)


def _place(folder: Path, number: int) -> Path:
    return folder / f"trial-{number}"


def _counted(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that are done, or under way in another process."""
    states = _optuna().trial.TrialState
    return study.get_trials(
        deepcopy=False,
        states=[states.COMPLETE, states.PRUNED, states.RUNNING],
    )


def _check_progress(study: optuna.Study, folder: Path) -> None:
    """Stops a search in which nothing works.

    Raises:
      TrainingError: all of the first trials failed.
    """
    states = _optuna().trial.TrialState
    failed = study.get_trials(deepcopy=False, states=[states.FAIL])
    if len(failed) >= _WARM_UP and not _counted(study):
        raise TrainingError(
            f"--search: all {len(failed)} trials of {study.study_name} "
            f"failed; the logs are in {folder}"
        )


class _Watch:
    """Tells Optuna of a trial's epochs while it runs.

    Args:
      trial: whose run it is.
      folder: of the run.
    """

    def __init__(self, trial: optuna.Trial, folder: Path) -> None:
        self._trial = trial
        self._folder = folder
        self._told = 0

    def goes_on(self) -> bool:
        """Whether the epochs that are done are good enough."""
        history = self._folder / "history.csv"
        if not history.is_file():
            return True
        rows = [r for r in read_history(history) if r["stage"] != "pretrain"]
        new = rows[self._told :]
        if not new:
            return True
        monitor = _monitor(self._folder)
        for row in new:
            value = rising(monitor, float(row[monitor]))
            self._trial.report(value, int(row["epoch"]))
        self._told = len(rows)
        return not self._trial.should_prune()


def _validation(folder: Path) -> float:
    """What the kept epoch had, so that more is better.

    Raises:
      InputError: nothing was validated, as by what only counts.
    """
    result = RunFolder(folder).read()
    monitor = result["protocol"]["monitor"]
    if monitor not in result.get("validation", {}):
        raise InputError(
            f"--search: {folder} has no validation by {monitor}: there is "
            "nothing to tune; leave its flagfile out of the search"
        )
    return rising(monitor, result["validation"][monitor])


def _monitor(folder: Path) -> str:
    flags = folder / "options.flags"
    text = flags.read_text(encoding="utf-8")
    return Options.from_flagfile(text, str(flags)).monitor


def _optuna():
    try:
        import optuna
    except ImportError as error:
        raise InputError(
            "--search and --grid need Optuna; install it with: pip install "
            "'tfxdr[search]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
