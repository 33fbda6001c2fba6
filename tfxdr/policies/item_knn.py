"""The neighborhood baseline: items that went with one another."""

from __future__ import annotations

import functools
import itertools
import math
import operator

import numpy as np
from scipy import sparse

from tfxdr.ops import mapped
from tfxdr.ops.ragged import Ragged
from tfxdr.policies.base import Baseline
from tfxdr.registry import policies
from tfxdr.types import FIRST_ITEM, Scorer

_BLOCK_PRODUCTS = 1 << 24  # bounds the co-occurrences held at once


@policies.register("item-knn")
class ItemKnn(Baseline):
    """Scores a target item by its similarity to the user's source items.

    With `n_s` users who have source item `s` in their history, `n_t` who have
    target item `t` in training, and `n_st` who have both,

        similarity(s, t) = n_st / (sqrt(n_s n_t) + shrinkage),

    the cosine of both columns (Deshpande and Karypis, 2004, "Item-based top-N
    recommendation algorithms", with source items as the given ones). A user's
    score is the sum over the distinct items of their history.

    Items without any similarity to the history score `-1 / (1 + n)` with `n`
    training interactions: below all others, by popularity. An empty or
    unknown history is so ranked by popularity.
    """

    def __init__(self, neighbors: int = 0, shrinkage: float = 0.0) -> None:
        """Stores the options.

        Args:
          neighbors: keep that many most similar target items of each source
            item, 0 keeps all. Of equally similar ones the lower id stays.
          shrinkage: added to the denominator, against chance meetings of rare
            items.
        """
        if neighbors < 0 or not 0 <= shrinkage < math.inf:
            raise ValueError(
                "neighbors and shrinkage should be at least 0; received "
                f"neighbors={neighbors}, shrinkage={shrinkage}"
            )
        self.neighbors = neighbors
        self.shrinkage = shrinkage

    def fit(
        self,
        history: Ragged,
        train_targets: Ragged,
        num_source_items: int,
        num_target_items: int,
    ) -> Scorer:
        similarity = cosine_similarity(
            _incidence(history, num_source_items),
            _incidence(train_targets, num_target_items),
            shrinkage=self.shrinkage,
            neighbors=self.neighbors,
        )
        counts = mapped.count(train_targets.values, num_target_items)
        fallback = (-1.0 / (1.0 + counts)).astype(np.float32)

        def scorer(history: np.ndarray) -> np.ndarray:
            history = np.asarray(history)
            lengths = np.full(len(history), history.shape[1])
            rows = Ragged.from_lengths(history.ravel(), lengths)
            users = _incidence(rows, num_source_items)
            scores = (users @ similarity).toarray()
            return np.where(scores > 0, scores, fallback)

        return scorer


def cosine_similarity(
    source: sparse.csr_matrix,
    target: sparse.csr_matrix,
    *,
    shrinkage: float = 0.0,
    neighbors: int = 0,
) -> sparse.csr_matrix:
    """Cosines of all pairs of columns, one from each matrix.

    Args:
      source: `[users, source items]` of zeros and ones.
      target: `[users, target items]` of zeros and ones.
      shrinkage: added to the denominators.
      neighbors: keep that many largest of each row, 0 keeps all.

    Returns:
      `[source items, target items]` float32.
    """
    source_norm = np.sqrt(mapped.count(source.indices, source.shape[1]))
    target_norm = np.sqrt(mapped.count(target.indices, target.shape[1]))
    blocks = []
    for block in _item_blocks(source, target):
        both = _co_occurrences(source, target, block)
        row = np.repeat(np.arange(both.shape[0]), np.diff(both.indptr))
        norm = source_norm[block][row] * target_norm[both.indices]
        both.data = (both.data / (norm + shrinkage)).astype(np.float32)
        blocks.append(_keep_largest(both, neighbors) if neighbors else both)
    return sparse.vstack(blocks, format="csr", dtype=np.float32)


def _co_occurrences(
    source: sparse.csr_matrix, target: sparse.csr_matrix, block: slice
) -> sparse.csr_matrix:
    """How many users have both, `[source items of the block, target items]`."""
    products = (
        source[users][:, block].T.tocsr() @ target[users]
        for users in mapped.row_parts(source.indptr)
    )
    return functools.reduce(operator.add, products).tocsr()


def _item_blocks(
    source: sparse.csr_matrix, target: sparse.csr_matrix
) -> list[slice]:
    """Runs of source items whose products have a bounded number of entries."""
    per_user = np.diff(target.indptr).astype(np.float64)
    entries = np.zeros(source.shape[1])
    for users in mapped.row_parts(source.indptr):
        entries += source[users].T @ per_user[users]
    entries = np.minimum(entries, target.shape[1])
    block = (np.cumsum(entries) // _BLOCK_PRODUCTS).astype(np.int64)
    bounds = [0, *(np.flatnonzero(np.diff(block)) + 1), len(block)]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def _keep_largest(
    matrix: sparse.csr_matrix, neighbors: int
) -> sparse.csr_matrix:
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[row[order]]
    kept = order[place < neighbors]
    return sparse.csr_matrix(
        (matrix.data[kept], (row[kept], matrix.indices[kept])),
        shape=matrix.shape,
    )


def _incidence(rows: Ragged, num_items: int) -> sparse.csr_matrix:
    """Which rows hold which real items, `[rows, num_items]` of 0 and 1."""
    if rows.values.min(initial=FIRST_ITEM) < FIRST_ITEM:
        rows = rows.select(rows.values >= FIRST_ITEM)
    items = rows.distinct()
    ones = mapped.beside(items.values, len(items.values), np.float32)
    ones[:] = 1
    return sparse.csr_matrix(
        (ones, items.values, items.offsets), shape=(len(rows), num_items)
    )
