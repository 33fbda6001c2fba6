"""How a joint model is judged: by examples of both domains, and by ranking."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfxdr.data.joint.batches import evaluation_batches, source_of_users
from tfxdr.data.joint.examples import JointData
from tfxdr.data.splits import TEST, VALIDATION
from tfxdr.data.users import Users
from tfxdr.evaluation import Probabilities, binary_metrics
from tfxdr.evaluation.examples import score_examples
from tfxdr.experiments.tasks import NextTarget
from tfxdr.models.joint import JointModel
from tfxdr.ops.tracing import graph_of
from tfxdr.registry.metric_names import BINARY_METRICS
from tfxdr.types import FIRST_ITEM, Items, Scorer

_EXAMPLES = 4096  # scored at a time


class JointJudge:
    """AUC and log loss of both domains, and the ranking of positives.

    Args:
      data: the examples.
      ranking: ranks positives; its histories are those of `user_rows`.
      monitor: what picks the epoch.
    """

    def __init__(
        self, data: JointData, ranking: NextTarget, monitor: str
    ) -> None:
        self._data = data
        self._ranking = ranking
        self._validates_ranking = monitor not in BINARY_METRICS

    def check(self, domains: tuple[str, ...]) -> None:
        """Finds what would stop an evaluation.

        Args:
          domains: of which examples are judged.

        Raises:
          InputError: if a split has examples of one label alone.
        """
        self._ranking.check()
        for domain in domains:
            for name, split in (("validation", VALIDATION), ("test", TEST)):
                if domain == "source" and split == VALIDATION:
                    continue
                rows = self._data.evaluation_rows(domain, split)
                label = getattr(rows, f"{domain}_label")
                binary_metrics(
                    label, np.zeros(len(label)), split=f"{domain} {name}"
                )

    def validate(self, scores: JointScores) -> dict[str, float]:
        """Metrics of the target domain's validation split."""
        found = self._probabilities(scores, "target", VALIDATION)
        metrics = found.metrics("validation")
        if self._validates_ranking:
            metrics |= self._ranking.validate(scores.ranking(VALIDATION))
        return metrics

    def test(
        self, scores: JointScores, folder: Path | None
    ) -> dict[str, float]:
        """Metrics of the test split; single answers go to the folder."""
        found = self._probabilities(scores, "target", TEST)
        if folder is not None:
            found.save(folder / "probabilities.npz")
        metrics = found.metrics("test")
        if scores.model.backbone.uses_source:
            source = self._probabilities(scores, "source", TEST)
            metrics |= {
                f"source_{key}": value
                for key, value in source.metrics("source test").items()
            }
        return metrics | self._ranking.test(scores.ranking(TEST), folder)

    def _probabilities(
        self, scores: JointScores, domain: str, split: int
    ) -> Probabilities:
        batches = evaluation_batches(self._data, domain, split, _EXAMPLES)
        return score_examples(scores.logits, batches, domain)


class JointScores:
    """A joint model's answers, each as one graph.

    Args:
      model: the joint model.
      data: the examples.

    Attributes:
      model: the joint model.
      logits: of the source and the target examples of a batch.
    """

    def __init__(self, model: JointModel, data: JointData) -> None:
        self.model = model
        self.logits, self._items = (
            graph_of(call, model, reduce_retracing=True)
            for call in (model.logits, model.score_items)
        )
        self._data = data
        self._table = Items(
            tf.range(data.num_target_items),
            tf.constant(data.target.category, tf.int32),
        )

    def ranking(self, split: int) -> Scorer:
        """Scores the target table for users given as `user_rows` does."""

        def scores(history: np.ndarray) -> tf.Tensor:
            user = np.asarray(history)[:, -1]
            source = source_of_users(self._data, user - FIRST_ITEM, split)
            return self._items(tf.constant(user), source, self._table)

        return scores


def positives_of(users: Users, data: JointData) -> Users:
    """Users with those of their target items that are positives."""
    label = data.target.label
    if label is None:
        return users
    chosen = label > 0
    time, rating = users.target_time, users.target_rating
    return dataclasses.replace(
        users,
        target=users.target.select(chosen),
        split=users.split[chosen],
        target_time=None if time is None else time[chosen],
        target_rating=None if rating is None else rating[chosen],
    )
