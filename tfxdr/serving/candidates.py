"""The best of a catalogue, by tensorflow-recommenders."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow_recommenders.layers.factorized_top_k import BruteForce

from tfxdr.errors import InputError
from tfxdr.ops.file_variable import growing
from tfxdr.types import FIRST_ITEM

# Of what is no candidate: finite, for JSON has no infinity.
LOWEST = float(np.finfo(np.float32).min)


class Candidates(BruteForce):
    """Brute-force retrieval whose catalogue may change its size.

    There are always `k` answers: where candidates run out, `""` follows with
    the lowest float32. Variables have no fixed size, so that a loaded model's
    catalogue can be replaced by assignment.

    Attributes:
      vectors: `[candidates, d]` float32.
      identifiers: `[candidates]` raw ids.

    Args:
      vectors: `[candidates, d]` float32; where they are mapped, they stay so.
      identifiers: `[candidates]` raw ids.
      k: how many answers.
    """

    def __init__(
        self, vectors: np.ndarray, identifiers: Sequence[str], k: int
    ) -> None:
        super().__init__(k=k, name="candidates")
        self.vectors = growing(vectors, "candidates")
        self.identifiers = tf.Variable(
            list(identifiers), trainable=False, shape=[None], name="identifiers"
        )

    def call(
        self, queries: tf.Tensor, excluded: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The best candidates, best first.

        Args:
          queries: `[batch, d]`.
          excluded: `[batch, n]` int32 places in the catalogue that are no
            answer to a query; -1 is none.

        Returns:
          Scores `[batch, k]` float32 and identifiers `[batch, k]`.
        """
        scores = self._compute_score(queries, self.vectors)
        if excluded is not None:
            scores = _without(scores, excluded)
        return best(scores, self.identifiers, self._k)


def best(
    scores: tf.Tensor, identifiers: tf.Tensor, k: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Exactly `k` answers, best first.

    Where candidates run out, or score the lowest float32, the identifier is
    `""`.

    Args:
      scores: `[batch, candidates]` float32.
      identifiers: `[candidates]` raw ids.
      k: how many answers.

    Returns:
      Scores `[batch, k]` float32 and identifiers `[batch, k]`.
    """
    found = tf.minimum(k, tf.shape(scores)[1])
    values, places = tf.math.top_k(scores, k=found)
    names = tf.gather(identifiers, places)  # [batch, found]
    names = tf.where(values == LOWEST, "", names)
    missing = [[0, 0], [0, k - found]]
    values = tf.pad(values, missing, constant_values=LOWEST)  # [batch, k]
    names = tf.pad(names, missing, constant_values="")
    shape = [None, k]
    return tf.ensure_shape(values, shape), tf.ensure_shape(names, shape)


def _without(scores: tf.Tensor, excluded: tf.Tensor) -> tf.Tensor:
    """Scores `[batch, candidates]`, the lowest at the excluded places."""
    named = tf.where(excluded >= 0)
    place = tf.cast(tf.gather_nd(excluded, named), named.dtype)
    return tf.tensor_scatter_nd_update(
        scores,
        tf.stack([named[:, 0], place], axis=1),
        tf.fill([tf.shape(named)[0]], LOWEST),
    )


@dataclasses.dataclass(frozen=True)
class Retrieval:
    """What can be recommended.

    Attributes:
      k_max: how many items an answer holds; a client that wants fewer takes
        the first ones.
      candidates: raw ids of the items to choose from; empty: all.
      exclude_history: leave out the items of the request's history, where the
        domains share items.
      kind: `brute-force`, or an index of `approximate` to find most of the
        best by.
      min_recall: of an index, the least share of the best that it finds.
    """

    k_max: int = 100
    candidates: Sequence[str] = ()
    exclude_history: bool = False
    kind: str = "brute-force"
    min_recall: float = 0.0


def candidate_rows(
    target_ids: Sequence[str], candidates: Sequence[str]
) -> np.ndarray:
    """Table rows of raw ids; all real items for no ids.

    Raises:
      InputError: if an id is unknown or comes twice.
    """
    if not len(candidates):
        return np.arange(len(target_ids)) + FIRST_ITEM
    known = {raw: row for row, raw in enumerate(target_ids, FIRST_ITEM)}
    if len(set(candidates)) < len(candidates):
        twice = next(c for c in candidates if list(candidates).count(c) > 1)
        raise InputError(f"candidates: {twice!r} is there twice")
    unknown = [raw for raw in candidates if raw not in known]
    if unknown:
        raise InputError(
            f"candidates: {len(unknown)} ids are not in the target vocabulary "
            f"of the model, such as {unknown[0]!r}; train it on data that "
            "have them"
        )
    return np.array([known[raw] for raw in candidates])


def check_shared(source_ids: Sequence[str], target_ids: Sequence[str]) -> None:
    """Refuses to leave out items of the history where that cannot be."""
    if not set(source_ids) & set(target_ids):
        raise InputError(
            "--exclude_history leaves out items that both domains have, but "
            "the domains of this run share none: drop the option"
        )
