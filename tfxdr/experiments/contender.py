"""What contenders do: baselines count, and models are trained.

What all that train have in common is written once, in `TrainedContender`; what
transfer and joint training fill in stands beside their experiments.
"""

from __future__ import annotations

import abc
import functools
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import tensorflow as tf

import tfxdr
from tfxdr.data.prepared import hash_file
from tfxdr.data.storage import HELD
from tfxdr.errors import InputError
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.run_folder import FREE, RunFolder
from tfxdr.ops import mapped
from tfxdr.ops.file_variable import tables_in_files
from tfxdr.ops.ragged import Ragged
from tfxdr.policies import Baseline
from tfxdr.registry import Spec
from tfxdr.report.history import read_history
from tfxdr.report.table import metric_title
from tfxdr.serving.batch import UserScores
from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.recommender import Recommender, counted
from tfxdr.serving.servable import Servable
from tfxdr.training import distribution
from tfxdr.training.checkpoint import restore_one_by_one, save_variables
from tfxdr.training.cost import Costs, enough_memory
from tfxdr.training.fit import fit
from tfxdr.training.stage import Stage
from tfxdr.types import FIRST_ITEM

S = TypeVar("S", bound=Stage)


def _versions() -> dict[str, str]:
    """What a run was made with."""
    return {
        "tfxdr": tfxdr.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


class Contender(abc.ABC):
    """A component of an experiment, with the folder of its run.

    Args:
      experiment: has data and options.
      spec: of the component.
      folder: of the run.
    """

    def __init__(
        self, experiment: Experiment, spec: Spec, folder: RunFolder
    ) -> None:
        self.experiment = experiment
        self.spec = spec
        self.folder = folder

    def about(self) -> dict[str, str]:
        """Where an export comes from."""
        return {
            "backbone": str(self.experiment.backbone),
            self.experiment.kind.flag: str(self.spec),
            "dataset": str(self.experiment.dataset),
            "data": self.experiment.data.fingerprint,
            "options": hash_file(self.folder.flags),
        }

    def run(self) -> dict:
        """Trains and tests it; returns what `metrics.json` holds then."""
        experiment = self.experiment
        result = {
            experiment.kind.flag: str(self.spec),
            "backbone": str(experiment.backbone),
            "dataset": str(experiment.dataset),
            "data": {
                "fingerprint": experiment.data.fingerprint,
                "counts": experiment.data.manifest["counts"],
            },
            "protocol": experiment.protocol(),
            "versions": _versions(),
            **self.train(),
            "baselines": {
                row.name: dict(row.metrics) for row in experiment.counted
            },
        }
        from tfxdr.report.tensorboard import write_hparams

        options = experiment.options_of(self.spec).to_plain()
        write_hparams(
            self.folder.path / "tensorboard",
            {k: v for k, v in options.items() if k not in FREE},
            result["test"],
        )
        self.folder.finish(result)
        return result

    def take_part(self) -> None:
        """A worker's part of `run`, beside the chief; it writes nothing."""
        return

    @functools.cached_property
    def ranking_note(self) -> str:
        """What to know of a finished run's ranking; "" if it is above
        popularity, or ranks nothing."""
        result, metric = self.folder.read(), self.experiment.ranked_by
        if metric not in result["test"]:
            return ""
        known = result.get("baselines", {}).get("popularity")
        if known is None:  # a run of an earlier version
            known = self.experiment.baseline_row("popularity").metrics
        ours, theirs = result["test"][metric], known[metric]
        if ours >= theirs:
            return ""
        return (
            f"note: {self.spec} ranks below popularity in its test "
            f"({metric_title(metric)} {ours:.4f} against {theirs:.4f}): the "
            "most frequent items would serve users better"
        )

    @abc.abstractmethod
    def train(self) -> dict:
        """All that there is to train, and its test.

        Returns:
          The sections of `metrics.json` that tell of it: `test` and `cost`,
          and what else there is.
        """

    @abc.abstractmethod
    def evaluate(self) -> Mapping[str, float]:
        """Metrics of the test split, of a finished run."""

    @abc.abstractmethod
    def check_servable(self, retrieval: Retrieval) -> None:
        """Finds what would stop `servable`, before anything is trained.

        Raises:
          InputError: names the option.
        """

    @abc.abstractmethod
    def servable(self, retrieval: Retrieval) -> Servable:
        """A finished run's model behind raw ids.

        Raises:
          InputError: if it cannot be served like that.
        """

    def servable_to_save(self, retrieval: Retrieval) -> Servable:
        """As `servable`, to be exported: large tables lie in files, unless
        they are held already or by option."""
        return self.servable(retrieval)

    @abc.abstractmethod
    def recommender(self, k_max: int) -> Recommender:
        """What answers for a finished run, `k_max` items at a time."""

    @abc.abstractmethod
    def user_scores(self) -> UserScores:
        """Logits of all real target items for rows of users, of a finished
        run, as its `recommender` ranks them."""


class CountedContender(Contender):
    """A baseline: it is counted again whenever it is asked.

    Args:
      experiment: of a policy's place, which the baseline takes.
      spec: of the baseline.
      folder: of the run.
      baseline: what counts.
    """

    def __init__(
        self,
        experiment: Experiment,
        spec: Spec,
        folder: RunFolder,
        baseline: Baseline,
    ) -> None:
        super().__init__(experiment, spec, folder)
        self._baseline = baseline

    def train(self) -> dict:
        costs = Costs()
        with costs.of("finetune"), enough_memory("evaluate"):
            metrics = self._test(self.folder.path)
        return {"test": metrics, "cost": costs.stages}

    def evaluate(self) -> Mapping[str, float]:
        self.experiment.check_data(self.folder)
        return self._test(None)

    def _test(self, folder: Path | None) -> dict[str, float]:
        scorer = self.experiment.fit_baseline(self._baseline)
        return self.experiment.task.test(scorer, folder)

    def check_servable(self, retrieval: Retrieval) -> None:
        raise self._has_no_model()

    def servable(self, retrieval: Retrieval) -> Servable:
        raise self._has_no_model()

    def _has_no_model(self) -> InputError:
        return InputError(
            f"--policy={self.spec} counts and trains no model: expected a run "
            "of another policy"
        )

    def recommender(self, k_max: int) -> Recommender:
        experiment = self.experiment
        experiment.check_data(self.folder)
        return counted(
            experiment.fit_baseline(self._baseline),
            source_ids=experiment.data.source_ids.tolist(),
            target_ids=experiment.task.target_ids,
            max_history=experiment.max_history,
            k_max=k_max,
            titles=experiment.titles or {},
        )

    def user_scores(self) -> UserScores:
        self.experiment.check_data(self.folder)
        scorer = self.experiment.fit_baseline(self._baseline)
        histories = self.experiment.histories

        def scores(users: np.ndarray) -> tf.Tensor:
            found = scorer(padded(histories, users))
            return tf.convert_to_tensor(found, tf.float32)[:, FIRST_ITEM:]

        return scores


def padded(histories: Ragged, users: np.ndarray) -> np.ndarray:
    """`[users, positions]` int32 source rows, of one position at least."""
    lengths = histories.lengths[users]
    return histories.pad_left(users, max(int(lengths.max(initial=0)), 1))


class TrainedContender(Contender, Generic[S]):
    """A model that is trained, kept with its best weights, and judged."""

    def __init__(
        self, experiment: Experiment, spec: Spec, folder: RunFolder
    ) -> None:
        super().__init__(experiment, spec, folder)
        # Of the finished run, once they have been asked for.
        self._stage: S | None = None
        self._recommenders: dict[int, Recommender] = {}

    @abc.abstractmethod
    def _first(self, costs: Costs) -> tuple[S, dict[str, Mapping]]:
        """The stage of a new model, and what `metrics.json` tells of how its
        first weights came about."""

    @abc.abstractmethod
    def _untrained(self) -> S:
        """The stage of a model whose weights are about to be read."""

    @abc.abstractmethod
    def _kept(self, stage: S) -> tf.train.Checkpoint:
        """What the run's `weights/` hold."""

    @abc.abstractmethod
    def _test(self, stage: S, folder: Path | None) -> dict[str, float]:
        """Metrics of the test split; single answers go to the folder."""

    @abc.abstractmethod
    def _show(self, stage: S) -> dict[str, Mapping]:
        """Stores and draws what was learned beside a model; tells of it."""

    @property
    @abc.abstractmethod
    def _monitors(self) -> dict[str, str]:
        """What picks the epoch, by stage."""

    def train(self) -> dict:
        costs = Costs()
        stage, before = self._first(costs)
        with costs.of(stage.name):
            stage, validation = self.train_stage(stage)
        self._keep(stage)
        self._draw_curves()
        with costs.of("evaluate"), enough_memory("evaluate"):
            with distribution.current().dividing():
                test = self._test(stage, self.folder.path)
            shown = self._show(stage)
        return {
            **before,
            "validation": validation,
            "test": test,
            **shown,
            "cost": costs.stages,
        }

    def take_part(self) -> None:
        stage, _ = self._first(Costs())
        stage, _ = self.train_stage(stage)
        with distribution.current().dividing():
            self._test(stage, None)

    def train_stage(self, stage: S) -> tuple[S, Mapping[str, float]]:
        """Trains it; returns the stage that is kept, and its validation."""
        return stage, self.fit(stage)

    def fit(self, stage: S) -> Mapping[str, float]:
        """Trains a stage's model, which is left with its best weights."""
        experiment = self.experiment
        return fit(
            stage,
            optimizer=experiment.optimizer_settings(),
            settings=experiment.loop_settings(),
            callbacks=experiment.callbacks(),
            run_folder=self.folder.path,
            resume=experiment.options.run.resume,
            progress=experiment.progress,
        )

    def _keep(self, stage: S) -> None:
        # A run that was killed in its test may have left some already.
        shutil.rmtree(self.folder.weights, ignore_errors=True)
        save_variables(self.folder.weights, self._kept(stage))

    def _draw_curves(self) -> None:
        from tfxdr.report.figures import learning_curves, save_figure

        history = read_history(self.folder.path / "history.csv")
        figure = learning_curves(history, monitors=self._monitors)
        save_figure(figure, self.folder.path / "learning_curves.png")

    def trained(self) -> S:
        """The stage of a finished run, with the weights that it kept.

        Raises:
          InputError: if data or weights are not those of the run.
        """
        if self._stage is None:
            self.experiment.check_data(self.folder)
            stage = self._untrained()
            restore_one_by_one(
                self.folder.weights,
                self._kept(stage),
                remedy="train it again with --overwrite",
            )
            self._stage = stage
        return self._stage

    def servable_to_save(self, retrieval: Retrieval) -> Servable:
        experiment = self.experiment
        if self._stage or experiment.options.compute.in_memory == HELD:
            return self.servable(retrieval)
        folder = experiment.data.folder.parent
        with tables_in_files(str(folder), mapped.SMALLEST) as tables:
            servable = self.servable(retrieval)
        self._stage = None  # Graphs would take a copy of its tables.
        if tables:
            size = sum(table.mapped.nbytes for table in tables) / 1e6
            experiment.progress.say(
                f"tables of the model ({size:,.0f} MB) are mapped from files "
                f"in {folder}, not held in memory"
            )
        return servable

    def evaluate(self) -> Mapping[str, float]:
        return self._test(self.trained(), None)

    def recommender(self, k_max: int) -> Recommender:
        if k_max not in self._recommenders:
            self._recommenders[k_max] = Recommender.of(
                self.servable(Retrieval(k_max)), self.experiment.titles or {}
            )
        return self._recommenders[k_max]
