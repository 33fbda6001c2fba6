"""A joint model as a server runs it: raw users and items in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfxdr.models.joint import JointModel
from tfxdr.ops.tracing import graph_of
from tfxdr.serving.candidates import best, candidate_rows
from tfxdr.serving.lookup import RawIds
from tfxdr.serving.servable import (
    STRANGER,
    Answer,
    Servable,
    Signature,
    compare,
    compare_best,
    cycled,
    log_shares,
    row_finder,
)
from tfxdr.types import FIRST_ITEM, Items

_USER = "Raw user ids; one that was not in training is the unknown user"


class JointServable(Servable):
    """A joint model behind raw ids.

    A user stands beside their most recent source behavior, as in the ranking of
    a test. An unknown user gets the popularity prior: log shares of the
    training positives.

    Args:
      model: trained.
      user_ids: raw ids of the users; position `i` is row `i + 2`.
      target_ids: likewise of the target items.
      source: `[users]` the source behavior of each user in `user_ids`.
      category: `[items]` the category of each target row.
      counts: `[items]` training positives of each target row.
      examples: raw ids of users on which answers are compared.
      k_max: how many items an answer holds.
      candidates: raw ids of the items to choose from; empty: all.

    Raises:
      InputError: if a candidate is unknown.
    """

    kind = "joint"

    def __init__(
        self,
        model: JointModel,
        *,
        user_ids: Sequence[str],
        target_ids: Sequence[str],
        source: Items,
        category: np.ndarray,
        counts: np.ndarray,
        examples: Sequence[str],
        k_max: int = 100,
        candidates: Sequence[str] = (),
    ) -> None:
        self._model = model
        self._user_ids, self._target_ids = list(user_ids), list(target_ids)
        self._examples = list(examples)
        self._k_max = k_max
        self._users, self._items = RawIds(user_ids), RawIds(target_ids)
        rows = candidate_rows(target_ids, candidates)
        self._chosen = rows
        reserved = np.zeros(FIRST_ITEM, np.int32)
        self._source = Items(
            *(
                _table(np.concatenate([reserved, np.asarray(part)]), name)
                for part, name in zip(
                    source, ("source_item", "source_category"), strict=True
                )
            )
        )
        self._category = _table(np.asarray(category), "target_category")
        self._rows = _table(rows, "candidates", flexible=True)
        self._names = tf.Variable(
            [self._target_ids[row - FIRST_ITEM] for row in rows],
            trainable=False,
            shape=[None],
            name="candidate_ids",
        )
        self._prior = tf.Variable(
            log_shares(counts), trainable=False, name="prior"
        )
        self.tracked = {
            "user_ids": self._users,
            "target_ids": self._items,
            "candidates": self._rows,
            "candidate_ids": self._names,
        }
        self.facts = {
            "k_max": k_max,
            "users": len(user_ids),
            "candidates": len(rows),
        }
        self.known_rows = row_finder(self._users)
        self.signatures = self._signatures()

    def _signatures(self) -> dict[str, Signature]:
        user = tf.TensorSpec([None], tf.string, name="user")
        item = tf.TensorSpec([None], tf.string, name="item")
        return {
            "serving_default": Signature(
                graph_of(
                    self._judge, self._model, input_signature=[user, item]
                ),
                self._pairs,
                {
                    "user": _USER,
                    "item": "Raw target ids, one for each user",
                    "probability": "That the user likes the item",
                },
            ),
            "recommend": Signature(
                graph_of(self._recommend, self._model, input_signature=[user]),
                self._alone,
                {
                    "user": _USER,
                    "items": 'Raw target ids, best first; "" where none is '
                    "left",
                    "scores": "Logits, highest first; the lowest float32 "
                    "beside an empty item",
                },
            ),
        }

    def _judge(self, user: tf.Tensor, item: tf.Tensor) -> dict[str, tf.Tensor]:
        logit = self._logits(self._users.rows(user), self._items.rows(item))
        return {"probability": tf.sigmoid(logit)}

    def _logits(self, rows: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Of pairs that are judged, `[batch]` float32."""
        pair = Items(items, tf.gather(self._category, items))
        logit = self._model.target_logit(rows, self._beside(rows), pair)
        return tf.cast(logit, tf.float32)

    def _recommend(self, user: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = self.scores(self._users.rows(user))
        scores, names = best(scores, self._names, self._k_max)
        return {"items": names, "scores": scores}

    def scores(self, rows: tf.Tensor) -> tf.Tensor:
        """What orders the candidates, as a recommendation ranks them.

        Args:
          rows: `[batch]` int32 rows of the user table.

        Returns:
          `[batch, candidates]` float32.
        """
        items = Items(self._rows, tf.gather(self._category, self._rows))
        scores = self._model.score_items(rows, self._beside(rows), items)
        known = (rows >= FIRST_ITEM)[:, tf.newaxis]
        return tf.where(
            known,
            tf.cast(scores, tf.float32),
            tf.gather(self._prior, self._rows)[tf.newaxis],
        )

    def _beside(self, rows: tf.Tensor) -> Items:
        """Each user's source behavior."""
        return Items(*(tf.gather(part, rows) for part in self._source))

    def _alone(self, size: int, strange: bool) -> dict[str, np.ndarray]:
        users = [STRANGER] * size if strange else cycled(self._examples, size)
        return {"user": _strings(users)}

    def _pairs(self, size: int, strange: bool) -> dict[str, np.ndarray]:
        items = [STRANGER] if strange else self._target_ids
        return self._alone(size, strange) | {
            "item": _strings(cycled(items, size))
        }

    def check(self, answers: Mapping[str, Answer]) -> int:
        known = {raw: row for row, raw in enumerate(self._user_ids, FIRST_ITEM)}
        rows = np.array([known[raw] for raw in self._examples], np.int32)
        scores = self._expected(rows)
        logits = self._logits(
            tf.constant(rows), tf.fill([len(rows)], FIRST_ITEM)
        ).numpy()
        users = tf.constant(_strings(self._examples))
        best = answers["recommend"](user=users)
        first = self._target_ids[0]
        probability = answers["serving_default"](
            user=users, item=tf.constant(_strings([first] * len(rows)))
        )["probability"]
        compare(
            f"probabilities of item {first}",
            probability.numpy(),
            1.0 / (1.0 + np.exp(-logits)),
        )
        for number, raw in enumerate(self._examples):
            compare_best(
                f"user {raw}",
                best["items"][number].numpy(),
                best["scores"][number].numpy(),
                [self._target_ids[row - FIRST_ITEM] for row in self._chosen],
                scores[number, self._chosen],
            )
        return len(rows)

    def _expected(self, rows: np.ndarray) -> np.ndarray:
        """`[users, items]` logits of the whole table."""
        beside = Items(*(tf.constant(p.numpy()[rows]) for p in self._source))
        table = Items(
            tf.range(len(self._target_ids) + FIRST_ITEM),
            tf.constant(self._category.numpy()),
        )
        return self._model.score_items(tf.constant(rows), beside, table).numpy()


def _table(
    values: np.ndarray, name: str, *, flexible: bool = False
) -> tf.Variable:
    return tf.Variable(
        values.astype(np.int32),
        trainable=False,
        shape=[None] if flexible else None,
        name=name,
    )


def _strings(values: Sequence[str]) -> np.ndarray:
    return np.array([raw.encode() for raw in values], object)
