"""What the target domain asks of a user, and how the answer is judged."""

from __future__ import annotations

import abc
import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from tfxdr.data.prepared import PreparedData
from tfxdr.data.profile import profile_users
from tfxdr.data.splits import TEST, TRAIN, UNUSED, VALIDATION
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.evaluation import (
    Actions,
    Classifier,
    Ranker,
    classification_metrics,
    collect_actions,
    ranking_metrics,
)
from tfxdr.ops.ragged import Ragged
from tfxdr.options import Options
from tfxdr.registry import class_metrics
from tfxdr.types import FIRST_ITEM, Decider, Scorer

_FULL_SOFTMAX_LIMIT = 100_000  # target items: 0.1 GB of logits in a batch

_Task = TypeVar("_Task", bound="Task")


class Task(abc.ABC):
    """A target domain: its users, its items, and its metrics.

    Attributes:
      users: all of them; `target` holds what is asked.
      num_items: size of the target table, reserved ids included.
      target_ids: raw ids of the target items; position `i` is item `i + 2`.
      loss: what `--loss=auto` stands for.
      top_k: the last rank that a policy takes for correct by default.
      batch_size: users in a batch of an evaluation.
      protocol: how the numbers of a result file were made.
      title: of a table of test results.
    """

    batch_size: int
    users: Users
    num_items: int
    target_ids: Sequence[str]
    loss: str
    top_k: int
    protocol: dict[str, object]
    title: str

    @abc.abstractmethod
    def __init__(self, options: Options, data: PreparedData) -> None:
        """Takes its part of the options and the data."""

    @abc.abstractmethod
    def validate(self, scores: Scorer) -> dict[str, float]:
        """Metrics of the validation split."""

    @abc.abstractmethod
    def test(self, scores: Scorer, folder: Path | None) -> dict[str, float]:
        """Metrics of the test split; single answers go to the folder."""

    def reading(self: _Task, history: Ragged) -> _Task:
        """The same task, whose scorers are given something else of a user.

        Args:
          history: a row for each user.
        """
        other = copy.copy(self)
        other.users = dataclasses.replace(self.users, history=history)
        return other

    def actions(self, decide: Decider, split: int = TEST) -> Actions:
        """What a policy decides for the users of a split."""
        users = np.flatnonzero(self.users.targets(split).lengths)
        return collect_actions(
            decide, self.users.history, users, batch_size=self.batch_size
        )

    def check(self) -> None:
        """Finds what would stop an evaluation.

        Raises:
          InputError: if there is nothing to evaluate on.
        """
        for name, split in (("validation", VALIDATION), ("test", TEST)):
            if not len(self.users.targets(split).values):
                raise InputError(
                    f"the {name} split holds no target item; raise its share "
                    "in --split_fractions or bring more data"
                )


class NextTarget(Task):
    """Ranking target items (UAF section 4.2).

    Full ranking leaves out the user's training positives and, in a test,
    those of validation; sampled negatives are none of their positives.

    Args:
      options: of the run.
      data: prepared.
      users: instead of those of the data with `--train_fraction`.
    """

    top_k = 5
    title = "ranking of the test split"

    def __init__(
        self, options: Options, data: PreparedData, users: Users | None = None
    ) -> None:
        if data.num_target_items == FIRST_ITEM:
            raise InputError(
                "the data hold no target item: there is nothing to fine-tune "
                "for; use --mode=pretrain, or a --dataset with a target domain"
            )
        self.users = users or data.users().keep_train_fraction(
            options.data.train_fraction, options.data.split_seed
        )
        self.num_items = data.num_target_items
        self.loss = (
            "softmax" if self.num_items <= _FULL_SOFTMAX_LIMIT else "bpr"
        )
        self.target_ids = data.target_ids.tolist()
        self.batch_size = options.evaluate.eval_batch_size
        self._options = options
        self._known_rankers: dict[int, list[Ranker]] = {}
        self.protocol = {
            "split": options.data.split,
            "ranking": (
                "all items but the user's training positives and, in a test, "
                "their validation positives"
            ),
            "eval_negatives": options.evaluate.eval_negatives,
        }

    def check(self) -> None:
        super().check()
        self.rankers(TEST)
        self.rankers(VALIDATION)

    def reading(self, history: Ragged) -> NextTarget:
        other = super().reading(history)
        other._known_rankers = {}  # these hold histories
        return other

    def validate(self, scores: Scorer) -> dict[str, float]:
        (ranker,) = self.rankers(VALIDATION)
        return self._metrics(ranker, scores, None)

    def test(self, scores: Scorer, folder: Path | None) -> dict[str, float]:
        metrics: dict[str, float] = {}
        for ranker in self.rankers(TEST):
            metrics |= self._metrics(ranker, scores, folder)
        return metrics

    def _metrics(
        self, ranker: Ranker, scores: Scorer, folder: Path | None
    ) -> dict[str, float]:
        ranking = ranker.rank(scores)
        sampled = ranker.num_negatives
        if folder is not None:
            suffix = f"-uni{sampled}" if sampled else ""
            ranking.save(folder / f"ranks{suffix}.npz")
        return ranking_metrics(
            ranking.rank, self._options.evaluate.top_n, sampled
        )

    def rankers(self, split: int) -> list[Ranker]:
        """What ranks a split: validation has the one that `--monitor` reads.

        A test has full ranking and, if asked for, sampled ranking.
        """
        if split not in self._known_rankers:
            sampled = self._options.evaluate.eval_negatives
            counts = [sampled if "/uni" in self._options.monitor else 0]
            if split == TEST:
                counts = list(dict.fromkeys([0, sampled]))
            self._known_rankers[split] = [
                self._ranker(split, count) for count in counts
            ]
        return self._known_rankers[split]

    def _ranker(self, split: int, num_negatives: int) -> Ranker:
        users = self.users
        seen = (TRAIN, UNUSED) + ((VALIDATION,) if split == TEST else ())
        return Ranker(
            users.history,
            users.targets(split),
            users.targets(seen),
            users.target,
            self.num_items,
            num_negatives=num_negatives,
            batch_size=self.batch_size,
            seed=self._options.data.split_seed,
        )


class Profile(Task):
    """Predicting an attribute of the user (UAF section 5.5).

    A class is a target item, and a user has one at most.

    Args:
      options: of the run.
      data: prepared.

    Raises:
      InputError: if the data do not have the attribute.
    """

    loss = "softmax"
    top_k = 1
    title = "classification of the test split"

    def __init__(self, options: Options, data: PreparedData) -> None:
        attribute = options.task.attribute
        users, self.classes = profile_users(
            data.users(),
            attribute,
            split_fractions=options.data.split_fractions,
            seed=options.data.split_seed,
        )
        self.users = users.keep_train_fraction(
            options.data.train_fraction, options.data.split_seed
        )
        self.num_items = FIRST_ITEM + len(self.classes)
        self.target_ids = self.classes
        self.batch_size = options.evaluate.eval_batch_size
        self.protocol = {
            "split": "users at random",
            "attribute": attribute,
            "classes": list(self.classes),
        }
        text = options.evaluate.class_metrics
        self._more = class_metrics.parse_list(text) if text else ()

    def check(self) -> None:
        super().check()
        for spec in self._more:
            spec.build(num_classes=len(self.classes))

    def validate(self, scores: Scorer) -> dict[str, float]:
        return self._metrics(VALIDATION, scores, None)

    def test(self, scores: Scorer, folder: Path | None) -> dict[str, float]:
        return self._metrics(TEST, scores, folder)

    def _metrics(
        self, split: int, scores: Scorer, folder: Path | None
    ) -> dict[str, float]:
        found = Classifier(
            self.users.history,
            self.users.targets(split),
            self.num_items,
            batch_size=self.batch_size,
        ).predict(scores)
        if folder is not None:
            found.save(folder / "predictions.npz")
        return classification_metrics(
            found.label, found.prediction, len(self.classes), self._more
        )


TASKS: dict[str, type[Task]] = {"next-target": NextTarget, "profile": Profile}
