"""The next item at every position, judged by the last item of a user."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.data.batches import PretrainBatches
from tfxdr.evaluation import Ranker, division, ranking_metrics
from tfxdr.models.pretrain import PretrainModel
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.softmax import mask_reserved
from tfxdr.ops.tracing import graph_of
from tfxdr.training.pretrain_split import split_last
from tfxdr.training.stage import Stage

TOP_N = (5, 10)  # cutoffs of the ranking metrics


class LastItems:
    """Predicts the last item of each row from those before it.

    Args:
      model: backbone and softmax.
      rows: source items of users, two or more each.
      batch_size: users, at most.
      length: the latest items that a prediction reads; 0: all.
      mask_seen: the items before it do not compete; otherwise they do, as a
        user may come back to one.
    """

    def __init__(
        self,
        model: PretrainModel,
        rows: Ragged,
        *,
        batch_size: int,
        length: int,
        mask_seen: bool,
    ) -> None:
        before, last = split_last(rows)
        empty = Ragged(np.zeros(0, np.int32), np.zeros(len(last) + 1, np.int64))
        self.model = model
        self.rows = rows.last(length + 1) if length else rows
        self.batch_size = batch_size
        self._ranker = Ranker(
            self.rows,
            last,
            seen=before if mask_seen else empty,
            positives=last,
            num_items=model.head.num_items,
            batch_size=batch_size,
        )
        self._scores_and_loss = graph_of(
            self._scores_and_loss_of,
            model,
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
        )

    def _scores_and_loss_of(
        self, rows: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores `[batch, items]`, and the sum of the last items' losses.

        Rows are padded on the left, so that the last column is the answer.
        """
        scores = self.model(rows[:, :-1])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            rows[:, -1], mask_reserved(scores)
        )
        return scores, tf.reduce_sum(losses)

    def judge(self) -> tuple[float, dict[str, float]]:
        """Mean loss, and the metrics of the full ranking, in one pass."""
        total = 0.0

        def scorer(history: np.ndarray) -> tf.Tensor:
            nonlocal total
            scores, loss = self._scores_and_loss(history)
            total += float(loss)
            return scores

        ranking = self._ranker.rank(scorer)
        total = division.joined(np.array(total)).item()
        return total / len(self.rows), ranking_metrics(ranking.rank, TOP_N)


class PretrainStage(Stage):
    """Next item at every position.

    Args:
      model: backbone and softmax.
      batches: training histories.
      validation: what is predicted after each epoch.
      every_position: whether the validation loss is that of all positions of
        the rows, as in training, or of the last item alone.
    """

    name = "pretrain"

    def __init__(
        self,
        model: PretrainModel,
        batches: PretrainBatches,
        validation: LastItems,
        *,
        every_position: bool,
    ) -> None:
        self.model = model
        self.batches = batches
        self._validation = validation
        self._every_position = every_position
        self._loss = graph_of(
            model.full_loss,
            model,
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
        )

    def validate(self) -> dict[str, float]:
        """The mean loss, and where the last item ranks among all."""
        loss, metrics = self._validation.judge()
        if self._every_position:
            loss = self._mean_loss(self._validation.rows)
        return {"validation_loss": loss} | metrics

    def _mean_loss(self, rows: Ragged) -> float:
        size = self._validation.batch_size
        total = count = 0.0
        for start in division.own(range(0, len(rows), size)):
            chosen = np.arange(start, min(start + size, len(rows)))
            loss, positions = self._loss(rows.pad_left(chosen))
            total, count = total + float(loss), count + float(positions)
        total, count = division.joined(np.array([total, count])).tolist()
        return total / count
