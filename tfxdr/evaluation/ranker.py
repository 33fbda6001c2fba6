"""Ranks every held-out target item of every user, given a scorer."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfxdr.evaluation import division
from tfxdr.evaluation.batching import (
    CHUNK_BYTES,
    Progress,
    check_ids,
    check_rows,
    rows_in_bounds,
    scored_batches,
)
from tfxdr.evaluation.negatives import sample_negatives
from tfxdr.evaluation.ranking import Ranking
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.ranking import rank_among, rank_of_positive
from tfxdr.types import Scorer


class Ranker:
    """Full or sampled ranking of a split's instances.

    Each user's history is scored once, however many instances they have; users
    without an instance are not scored. Users are batched longest history
    first, so that batches carry little padding; the result is in user-row
    order all the same. `[rows, items]` matrices stay within 64 MiB each: with
    a large catalogue a batch holds fewer than `batch_size` users.

    Example:

    ```python
    ranker = Ranker(history, test, train_and_validation, all_targets, 3535)
    ranking = ranker.rank(lambda history: model(history, training=False))
    ranking_metrics(ranking.rank, top_n=(5, 10))
    ```
    """

    def __init__(
        self,
        history: Ragged,
        targets: Ragged,
        seen: Ragged,
        positives: Ragged,
        num_items: int,
        *,
        num_negatives: int = 0,
        batch_size: int = 256,
        seed: int = 0,
    ):
        """Stores what is ranked and how.

        Args:
          history: source ids per user, oldest first.
          targets: target ids per user, the instances to be ranked.
          seen: target ids per user that do not compete in full ranking
            (training items; for a test also validation items).
          positives: target ids per user that are never sampled as
            negatives: all that are known, the split's own included.
          num_items: size of the target item table, ids 0 and 1 included.
          num_negatives: 0 for full ranking, else how many distinct negatives
            are sampled per user from (`seed`, user row).
          batch_size: users per call of the scorer, at most.
          seed: of the negatives.

        Raises:
          InputError: a user has fewer eligible items than `num_negatives`.
          ValueError: the arguments contradict each other.
        """
        check_rows(
            history=history, targets=targets, seen=seen, positives=positives
        )
        if num_negatives < 0 or batch_size < 1:
            raise ValueError(
                "num_negatives should be at least 0 and batch_size at least 1."
                f" Received: {num_negatives} and {batch_size}"
            )
        check_ids("targets", targets.values, num_items)
        check_ids("seen", seen.values, num_items)
        self.history = history
        self.targets = targets
        self.seen = seen
        self.positives = positives
        self.num_items = num_items
        self.num_negatives = num_negatives
        self.batch_size = batch_size
        self.seed = seed
        self._users = np.flatnonzero(targets.lengths)
        self._negatives = None
        if not num_negatives:
            self._excluded = seen.distinct()
        else:
            self._negatives = sample_negatives(
                positives,
                self._users,
                num_items=num_items,
                num_negatives=num_negatives,
                seed=seed,
            )

    @property
    def num_instances(self) -> int:
        return len(self.targets.values)

    @property
    def num_users(self) -> int:
        """How many users have an instance and are scored."""
        return len(self._users)

    def rank(self, scorer: Scorer, progress: Progress | None = None) -> Ranking:
        """Ranks all instances.

        Args:
          scorer: maps int32 histories `[users, length]`, left-padded with 0
            to their own longest (at least 1), to scores
            `[users, num_items]`. Calls differ in both dimensions.
          progress: called with (users done, users in all) after each batch.

        Returns:
          A `Ranking` of `num_instances` rows, in user-row order.

        Raises:
          TrainingError: the score of a real item is NaN.
          ValueError: the scorer's answer has another shape.
        """
        rank = np.zeros(self.num_instances, np.int32)
        instances = Ragged(np.arange(len(rank)), self.targets.offsets)
        for slots, scores in scored_batches(
            scorer,
            self.history,
            self._users,
            num_items=self.num_items,
            batch_size=min(self.batch_size, self._rows_in_bounds),
            progress=progress,
        ):
            users = self._users[slots]
            rank_chunk = self._chunk_ranker(scores, users, slots)
            own = instances.take(users)
            owner = own.row_of_value.astype(np.int32)
            for part in self._chunks(len(owner)):
                instance = own.values[part]
                rank[instance] = rank_chunk(
                    owner[part], self.targets.values[instance]
                )
        user = self.targets.row_of_value.astype(np.int32)
        item = np.array(self.targets.values, np.int32)
        return Ranking(user, item, division.joined(rank))

    def _chunks(self, num_instances: int) -> Iterator[slice]:
        for start in range(0, num_instances, self._rows_in_bounds):
            yield slice(start, start + self._rows_in_bounds)

    @property
    def _rows_in_bounds(self) -> int:
        return rows_in_bounds(self.num_items, CHUNK_BYTES)

    def _chunk_ranker(
        self, scores: tf.Tensor, users: np.ndarray, slots: np.ndarray
    ) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
        """What ranks items of one batch, given owners `[n]` and items `[n]`."""
        if self._negatives is not None:
            sampled = tf.gather(scores, self._negatives[slots], batch_dims=1)
            return lambda owner, item: _sampled_ranks(
                scores, sampled, owner, item
            ).numpy()
        excluded = self._excluded.take(users)
        values = np.asarray(memoryview(scores))  # numpy() would copy them
        return lambda owner, item: rank_of_positive(
            values, item, row=owner, excluded=excluded
        )


def _sampled_ranks(scores, sampled, owner, item):
    positive_scores = tf.gather_nd(scores, tf.stack([owner, item], axis=1))
    return rank_among(positive_scores, tf.gather(sampled, owner))
