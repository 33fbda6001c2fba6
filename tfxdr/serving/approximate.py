"""The best of a large catalogue without a score for every item.

An index finds most of them, not all: how many is measured against brute force.
"""

from __future__ import annotations

import abc
import importlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.evaluation.batching import rows_in_bounds
from tfxdr.files import write_json
from tfxdr.serving.candidates import Retrieval

BRUTE_FORCE, FAISS, SCANN = "brute-force", "faiss", "scann"
FOLDER = "retrieval"  # of an export, for what is not in its SavedModel

# FAISS: neighbors of an item in the graph, and how many candidates are looked
# at to find them. The values of its documentation for a high recall.
_LINKS, _LOOKED_AT = 32, 200
# ScaNN, as its documentation has it: about the root of the items as leaves, of
# which a tenth is searched, and exact scores for some times the answers. Of few
# leaves, all are searched.
_SHARE_OF_LEAVES, _LEAST_LEAVES, _REORDERED = 10, 20, 10
_FEWEST = 16  # items from which ScaNN learns how to round vectors


class Index(abc.ABC):
    """Finds items whose vectors have a large product with a query.

    Attributes:
      kind: as of `--export_retrieval`.
    """

    kind: str

    @abc.abstractmethod
    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Places of the best items, best first; -1 where none was found.

        Args:
          queries: `[n, d]` float32.
          k: how many.

        Returns:
          `[n, k]` integers.
        """

    @abc.abstractmethod
    def write(self, folder: Path, identifiers: Sequence[str]) -> dict:
        """Writes what does not go into the SavedModel, and says what it is."""


class FaissIndex(Index):
    """A graph of neighbors by inner product (HNSW), in a file of FAISS.

    Args:
      vectors: `[items, d]` float32.
      k: how many items an answer may hold.
    """

    kind = FAISS

    def __init__(self, vectors: np.ndarray, k: int) -> None:
        self._faiss = installed(FAISS)
        self._index = self._faiss.IndexHNSWFlat(
            vectors.shape[1], _LINKS, self._faiss.METRIC_INNER_PRODUCT
        )
        self._index.hnsw.efConstruction = _LOOKED_AT
        # The file keeps it for whoever searches.
        self._index.hnsw.efSearch = max(_LOOKED_AT, 2 * k)
        self._index.add(np.ascontiguousarray(vectors, np.float32))

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        return self._index.search(np.ascontiguousarray(queries), k)[1]

    def write(self, folder: Path, identifiers: Sequence[str]) -> dict:
        (folder / FOLDER).mkdir()
        files = {
            "index": f"{FOLDER}/candidates.faiss",
            "ids": f"{FOLDER}/candidates.json",
        }
        self._faiss.write_index(self._index, str(folder / files["index"]))
        write_json(folder / files["ids"], list(identifiers))
        return files


class ScannIndex(Index):
    """ScaNN, as tensorflow-recommenders has it, inside of the SavedModel.

    Args:
      vectors: `[items, d]` float32.
      identifiers: `[items]` raw ids.
      k: how many items an answer holds, as `check` has it.
    """

    kind = SCANN

    def __init__(
        self, vectors: np.ndarray, identifiers: Sequence[str], k: int
    ) -> None:
        installed(SCANN)
        # Not known to tensorflow-recommenders before ScaNN is installed.
        from tensorflow_recommenders.layers.factorized_top_k import ScaNN

        leaves = max(1, math.isqrt(len(vectors)))
        self.layer = ScaNN(
            k=k,
            num_leaves=leaves,
            num_leaves_to_search=min(
                leaves, max(_LEAST_LEAVES, leaves // _SHARE_OF_LEAVES)
            ),
            num_reordering_candidates=min(_REORDERED * k, len(vectors)),
            name="scann",
        )
        self.layer.index(
            tf.constant(vectors, tf.float32), tf.constant(list(identifiers))
        )
        self._place = {raw: place for place, raw in enumerate(identifiers)}
        self._k = k

    def best(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and raw ids, `[batch, k]` each, as a graph answers."""
        scores, names = self.layer(queries)  # of no known shape
        shape = [None, self._k]
        return tf.ensure_shape(scores, shape), tf.ensure_shape(names, shape)

    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        names = self.layer(tf.constant(queries), k=k)[1].numpy()
        places = [self._place[raw.decode()] for raw in names.ravel()]
        return np.array(places).reshape(names.shape)

    def write(self, folder: Path, identifiers: Sequence[str]) -> dict:
        return {}


def build(
    kind: str, vectors: np.ndarray, identifiers: Sequence[str], k: int
) -> Index | None:
    """An index of a catalogue; none for brute force.

    Args:
      kind: as of `--export_retrieval`.
      vectors: `[items, d]` float32.
      identifiers: `[items]` raw ids.
      k: how many items an answer holds.

    Raises:
      InputError: its package is missing.
    """
    if kind == FAISS:
        return FaissIndex(vectors, k)
    if kind == SCANN:
        return ScannIndex(vectors, identifiers, k)
    return None


def check(retrieval: Retrieval, items: int) -> None:
    """Finds what would stop an index, before there are any vectors.

    Args:
      retrieval: what can be recommended.
      items: how many candidates there are.

    Raises:
      InputError: its package is missing, it cannot leave out what it is to, or
        there are too few candidates.
    """
    if retrieval.kind == BRUTE_FORCE:
        return
    installed(retrieval.kind)
    if retrieval.kind != SCANN:
        return
    if retrieval.exclude_history:
        raise InputError(
            "--exclude_history: --export_retrieval=scann finds --k_max "
            "items, whatever is left out of them; drop the option, or "
            f"choose --export_retrieval={BRUTE_FORCE}"
        )
    least = max(retrieval.k_max, _FEWEST)
    if items < least:
        raise InputError(
            f"--export_retrieval=scann: expected {least} candidates or more "
            f"(--k_max={retrieval.k_max}), found {items}; choose "
            f"--export_retrieval={BRUTE_FORCE}"
        )


def installed(kind: str):
    """The package of an index.

    Raises:
      InputError: it is missing, or does not go with this TensorFlow.
    """
    try:
        return importlib.import_module(kind)
    # ScaNN's own operations are of one version of TensorFlow.
    except (ImportError, tf.errors.OpError) as error:
        remedy = {FAISS: 'pip install "tfxdr[faiss]"', SCANN: "install scann"}
        raise InputError(
            f"--export_retrieval={kind}: expected the package {kind}, found "
            f"none that can be imported ({error}); {remedy[kind]}, or choose "
            f"--export_retrieval={BRUTE_FORCE}"
        ) from error


def recall(
    found: np.ndarray, queries: np.ndarray, vectors: np.ndarray
) -> float:
    """How many of the best items were found, of those that brute force finds.

    An item that scores as much as the last of the best is one of them.

    Args:
      found: `[n, k]` places of items, -1 where none was found.
      queries: `[n, d]`.
      vectors: `[items, d]`.
    """
    k = found.shape[1]
    hits = 0
    size = rows_in_bounds(len(vectors))
    for start in range(0, len(queries), size):
        scores = queries[start : start + size] @ vectors.T
        here = found[start : start + size]
        last = np.partition(scores, -k, axis=1)[:, -k, np.newaxis]
        own = np.take_along_axis(scores, np.maximum(here, 0), axis=1)
        hits += int(np.count_nonzero((here >= 0) & (own >= last)))
    return hits / (len(queries) * k)


def measured(
    index: Index,
    queries: np.ndarray,
    vectors: np.ndarray,
    *,
    k: int,
    min_recall: float,
) -> dict:
    """The recall of an index, as a reader of an export is told.

    Raises:
      InputError: it is below `min_recall`.
    """
    k = min(k, len(vectors))
    value = recall(index.search(queries, k), queries, vectors)
    if value < min_recall:
        raise InputError(
            f"--min_recall={min_recall:g}: --export_retrieval={index.kind} "
            f"finds {value:.4f} of the {k} best items of brute force, for "
            f"{len(queries):,} test users; lower --min_recall, or choose "
            f"--export_retrieval={BRUTE_FORCE}; nothing was published"
        )
    return {"recall": value, "recall_at": k, "recall_users": len(queries)}
