"""What all experiments share: data, options and baselines."""

from __future__ import annotations

import abc
import copy
import functools
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from tensorflow import keras

from tfxdr.data.prepare import prepare
from tfxdr.data.prepared import PreparedData
from tfxdr.data.splits import TEST, TRAIN
from tfxdr.data.storage import HELD, column_bytes
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.evaluation.groups import Groups
from tfxdr.experiments.chosen_dataset import chosen_dataset
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import Task
from tfxdr.ops import mapped
from tfxdr.ops.ragged import Ragged
from tfxdr.options import Options
from tfxdr.options.beside import refuse_unread_by_run
from tfxdr.options.settings import settings_of
from tfxdr.policies import Baseline
from tfxdr.registry import (
    Registry,
    Spec,
    backbones,
    callbacks,
    optimizers,
    policies,
)
from tfxdr.registry.metric_names import at_cutoff, ranking_metric
from tfxdr.report.table import Row
from tfxdr.training.cost import peak_bytes
from tfxdr.training.loop import LoopSettings
from tfxdr.training.parameters import OptimizerSettings
from tfxdr.training.progress import Progress
from tfxdr.types import FIRST_ITEM, Scorer

if TYPE_CHECKING:
    from tfxdr.experiments.contender import Contender

_EXAMPLES = 16  # test users that stand for all
BASELINES = ("popularity", "item-knn")


class Experiment(abc.ABC):
    """One set of options with its data, for one backbone.

    Args:
      options: as the user gave them.
      progress: what the person sees.
      data: prepared already; by default what the options name.
      known: the options are those of a run that is there, which has passed
        the checks of its time; the defaults may have been others then.

    Attributes:
      kind: of the components that are compared, one run each.
      reads_histories: whether the model knows a user by their history.
      maps_data: whether what grows with the interactions may be mapped.
      decides_on: what the components tell apart.
      unused_settings: settings that mean nothing here, by group.
    """

    kind: Registry
    reads_histories = True
    maps_data = True
    decides_on = "users"
    unused_settings: Mapping[str, Sequence[str]] = {}

    def __init__(
        self,
        options: Options,
        progress: Progress,
        data: PreparedData | None = None,
        *,
        known: bool = False,
    ) -> None:
        self.options = options
        self.progress = progress
        self._given = data
        self.backbone = backbones.parse(options.model.backbone)
        self.optimizer = optimizers.parse(options.finetune.optimizer)
        self.dataset = chosen_dataset(options.data)
        if not known:
            self._refuse_unused()

    def with_seed(self, seed: int) -> Experiment:
        """The same on the same data, for one of the seeds.

        The task, with its sampled negatives, is that of all.
        """
        self.task  # noqa: B018  It is made when it is asked for.
        one = copy.copy(self)
        one.options = self.options.with_seed(seed)
        return one

    @functools.cached_property
    def data(self) -> PreparedData:
        """Prepared data, from the cache where they are there."""
        data = self._given or self._prepared()
        choice = self.options.compute.in_memory if self.maps_data else HELD
        if not data.keep(choice):
            size = column_bytes(data.manifest) / 1e6
            self.progress.say(
                f"histories and targets ({size:,.0f} MB) are mapped from "
                f"files in {data.folder.parent}, not held in memory"
            )
        return self._grown(data)

    def _grown(self, data: PreparedData) -> PreparedData:
        """With the items that a model is to have beside those of the data."""
        return data

    def _prepared(self) -> PreparedData:
        chosen = self.options.data
        return prepare(
            self.dataset.build(),
            code=self.dataset.code,
            cache_dir=self.options.run.cache_dir,
            split=chosen.split,
            split_fractions=chosen.split_fractions,
            split_seed=chosen.split_seed,
            max_history=chosen.max_history,
            max_bad_rows=chosen.max_bad_rows,
            engine=chosen.engine,
            report=self.progress.say,
        )

    @property
    @abc.abstractmethod
    def task(self) -> Task:
        """What the target domain asks."""

    @property
    def users(self) -> Users:
        """All users, with the share of training items that is used."""
        return self.task.users

    @property
    def histories(self) -> Ragged:
        """What the model reads of each user."""
        return self.data.users().history

    @property
    def title(self) -> str:
        """Of a table of test results."""
        return self.task.title

    @functools.cached_property
    def groups(self) -> Groups | None:
        """Of what --explain_by tells apart; none if that is nothing.

        Raises:
          InputError: the data have no such attribute, or nobody has the value.
        """
        if not (text := self.options.evaluate.explain_by):
            return None
        name, _, value = text.partition("=")
        flag, known = f"--explain_by={text}", self._attributes
        if name not in known:
            raise InputError(
                f"{flag}: expected an attribute of the {self.decides_on}, one "
                f"of {', '.join(known) or 'none'}, found {name!r}"
            )
        if not value:
            return Groups.largest(known[name])
        return self._split_at(known[name], value, flag)

    @property
    @abc.abstractmethod
    def _attributes(self) -> Mapping[str, np.ndarray]:
        """What is known of each row of what is told apart."""

    @abc.abstractmethod
    def _split_at(
        self, values: np.ndarray, value: str, flag: str
    ) -> Groups | None:
        """Those whom a value of an attribute names, and the others."""

    @property
    @abc.abstractmethod
    def backbone_phrase(self) -> str:
        """What the backbone is, and what goes with it, for an error."""

    @property
    @abc.abstractmethod
    def monitor(self) -> str:
        """The validation metric that picks the epoch."""

    @property
    def ranked_by(self) -> str:
        """The metric by which a ranking is held against popularity."""
        return ranking_metric("ndcg", self.options.evaluate.top_n[0])

    @property
    def warned_by(self) -> tuple[str, ...]:
        """Metrics by which a run is held against baselines."""
        return (self.monitor,)

    @property
    def teaches_ranking(self) -> bool:
        """Whether training says anything of items that a user has not met."""
        return True

    @property
    @abc.abstractmethod
    def compared_text(self) -> str:
        """Names of the components that are compared."""

    @abc.abstractmethod
    def options_of(self, spec: Spec) -> Options:
        """Those of a run of one component."""

    @abc.abstractmethod
    def contender(self, spec: Spec, folder: RunFolder) -> Contender:
        """One of the components that are compared."""

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The components that are compared."""
        return self.kind.parse_list(self.compared_text)

    def check(self, specs: Sequence[Spec]) -> None:
        """Finds what would stop a run, before anything is trained.

        Raises:
          InputError: names the flag.
        """
        if self.groups is None and (by := self.options.evaluate.explain_by):
            self.progress.say(f"note: --explain_by={by}: all of them are alike")
        flag = f"--{self.kind.flag}"
        if not specs:
            raise InputError(
                f"{flag}: expected a {self.kind.kind}, found nothing"
            )
        if len(set(map(str, specs))) < len(specs):
            raise InputError(
                f"{flag}: expected different {self.kind.plural}, found "
                + ",".join(map(str, specs))
            )

    def check_training(self) -> None:
        """Finds what would stop any training.

        Raises:
          InputError: names the flag.
        """
        self.optimizer_settings().check()
        self.callbacks()

    def _refuse_unused(self) -> None:
        refuse_unread_by_run(self.options)
        for group, options in self.unused_settings.items():
            chosen = getattr(self.options, group)
            for name in options:
                value = getattr(chosen, name)
                if value != getattr(type(chosen)(), name):
                    text = settings_of(type(chosen))[name].format(value)
                    raise InputError(
                        f"--{name}={text} means nothing with "
                        f"{self.backbone_phrase}; leave --{name} out"
                    )

    def optimizer_settings(self) -> OptimizerSettings:
        """How parameters move."""
        chosen = self.options.finetune
        return OptimizerSettings(
            optimizer=self.optimizer,
            learning_rate=chosen.learning_rate,
            pretrained_learning_rate=chosen.pretrained_learning_rate,
            policy_learning_rate=chosen.policy_learning_rate,
            schedule=chosen.lr_schedule,
            warmup_steps=chosen.warmup_steps,
            weight_decay=chosen.weight_decay,
            clip_norm=chosen.clip_norm,
        )

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """New ones, for one training."""
        text = self.options.finetune.callbacks
        specs = callbacks.parse_list(text) if text else ()
        return [spec.build() for spec in specs]

    def loop_settings(self) -> LoopSettings:
        """When training stops."""
        chosen = self.options.finetune
        return LoopSettings(
            epochs=chosen.epochs,
            patience=chosen.patience,
            monitor=self.monitor,
            checkpoint_seconds=self.options.run.checkpoint_seconds,
            advice="Lower --learning_rate or set --clip_norm",
        )

    def fit_baseline(self, baseline: Baseline) -> Scorer:
        """Counts on histories and training positives."""
        return baseline.fit(
            self.users.history,
            self.users.targets(TRAIN),
            self.data.num_source_items,
            self.task.num_items,
        )

    @functools.cached_property
    def counted(self) -> Sequence[Row]:
        """A row for each baseline of every table, made once."""
        return self.baseline_rows()

    def baseline_rows(self) -> list[Row]:
        return [self.baseline_row(name) for name in BASELINES]

    def baseline_row(self, name: str) -> Row:
        """A baseline's test on this task."""
        start = time.monotonic()
        baseline = policies.build(name)
        metrics = self.task.test(self.fit_baseline(baseline), None)
        return Row(name, metrics, time.monotonic() - start, peak_bytes())

    def shown(self, rows: Sequence[Row]) -> dict[str, Any]:
        """How results are printed: metrics at the first cutoff alone."""
        first = self.options.evaluate.top_n[0]
        return {
            "metrics": at_cutoff(rows[-1].metrics, first),
            "title": f"\n{self.title}",
            "name_title": self.kind.kind,
        }

    def protocol(self) -> dict[str, object]:
        """How the numbers of a result file were made."""
        chosen = self.options
        return {
            "split_fractions": chosen.data.split_fractions,
            "train_fraction": chosen.data.train_fraction,
            "split_seed": chosen.data.split_seed,
            "seed": chosen.seed,
            "task": chosen.task.task,
            "monitor": self.monitor,
            **self.task.protocol,
        }

    def known_of(self, user: str) -> tuple[list[str], set[str]]:
        """Raw ids of a user's history and of the target items they have.

        Raises:
          InputError: if the data have no such user.
        """
        row = self.data.row_of_user(user)
        users = self.data.users()
        history, target = (
            ids[items - FIRST_ITEM]
            for ids, items in (
                (self.data.source_ids, users.history[row]),
                (self.data.target_ids, users.target[row]),
            )
        )
        return list(history), set(target)

    @property
    def titles(self) -> dict[str, str] | None:
        """Of target items by raw id; `None` if the data have none."""
        titles = self.data.target_titles
        if titles is None:
            return None
        return dict(zip(self.data.target_ids, titles, strict=True))

    @property
    def max_history(self) -> int:
        """The latest source items that are known of a user."""
        return self.data.manifest["options"]["max_history"]

    def example_rows(self, users: Users, most: int = _EXAMPLES) -> np.ndarray:
        """Test users on whom an export is compared with its model."""
        return np.flatnonzero(users.targets(TEST).lengths)[:most]

    def training_counts(self) -> np.ndarray:
        """Training positives of each target row, `[items]`."""
        items = self.users.targets(TRAIN).values
        return mapped.count(items, self.task.num_items)

    def check_data(self, folder: RunFolder) -> None:
        """Whether the data are still those of a finished run.

        Raises:
          InputError: if they are not.
        """
        trained_on = folder.read()["data"]["fingerprint"]
        if trained_on != self.data.fingerprint:
            raise InputError(
                f"{folder.path} was trained on other data than "
                f"{self.data.folder} holds: the input files or their options "
                "have changed; bring the old ones back or train anew"
            )
