"""A transfer model as a server runs it: histories of raw ids in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfxdr.models.transfer import TransferModel
from tfxdr.ops.file_variable import beside
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.tracing import graph_of
from tfxdr.serving import approximate
from tfxdr.serving.candidates import (
    LOWEST,
    Candidates,
    Retrieval,
    candidate_rows,
    check_shared,
)
from tfxdr.serving.lookup import RawIds, as_history
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
from tfxdr.types import FIRST_ITEM, PADDING, UNKNOWN

_ALL = Retrieval()
_NONE = -1  # the place of an item that is no candidate
_SCORED = 1000  # items whose single scores are compared
_ROWS = 65_536  # of a table that are copied at a time
_BATCH = 64  # users whose vectors are made at a time
_HISTORY = (
    'Raw source ids, oldest first; "" is padding, at either end. Ids that '
    "were not in training are known as unknown ones"
)
_QUERY = "What an index of the candidates is searched with"
_SCORES = "Logits, highest first; the lowest float32 beside an empty item"


class TransferServable(Servable):
    """A transfer model behind raw ids.

    A history without a known item gets the popularity prior: log shares of
    the training positives.

    Args:
      model: trained.
      source_ids: raw ids of the source items; position `i` is row `i + 2`.
      target_ids: likewise of the target items.
      counts: `[items]` training positives of each target row.
      max_history: the latest items that the model reads.
      examples: raw histories on which answers are compared.
      retrieval: what can be recommended.
      queries: `[n, longest]` int32 source rows of users, padded on the left,
        for whom the recall of an index is measured; by default the examples.

    Raises:
      InputError: if a candidate is unknown, the domains share no items that
        could be excluded, or the index is not to be had.
    """

    kind = "transfer"

    def __init__(
        self,
        model: TransferModel,
        *,
        source_ids: Sequence[str],
        target_ids: Sequence[str],
        counts: np.ndarray,
        max_history: int,
        examples: Sequence[Sequence[str]],
        retrieval: Retrieval = _ALL,
        queries: np.ndarray | None = None,
    ) -> None:
        self._model = model
        self._max_history = max_history
        self._examples = [list(example) for example in examples] or [[]]
        self._retrieval = retrieval
        self._target_ids = list(target_ids)
        asked = {raw for example in self._examples for raw in example}
        self._known = {
            raw: row
            for row, raw in enumerate(source_ids, FIRST_ITEM)
            if raw in asked
        }
        self._source, self._target = RawIds(source_ids), RawIds(target_ids)
        check_retrieval(retrieval, source_ids, target_ids)
        rows = candidate_rows(target_ids, retrieval.candidates)
        self._prior = log_shares(counts)
        names = [self._target_ids[row - FIRST_ITEM] for row in rows]
        vectors = self._vectors(rows)
        self._candidates = Candidates(vectors, names, retrieval.k_max)
        self._queries = queries
        self._index = approximate.build(
            retrieval.kind, vectors, names, retrieval.k_max
        )
        del vectors  # As large as the table; the candidates have their own.
        place = np.full(len(self._prior), _NONE, np.int32)
        place[rows] = np.arange(len(rows))
        self._place = tf.Variable(place, trainable=False, name="place")
        self.tracked = {
            "source_ids": self._source,
            "target_ids": self._target,
            "candidates": self._candidates.vectors,
            "candidate_ids": self._candidates.identifiers,
            "candidate_place": self._place,
        }
        if self._scann is not None:
            self.tracked["scann"] = self._scann.layer
        self.facts = {
            "retrieval": retrieval.kind,
            "k_max": retrieval.k_max,
            "max_history": max_history,
            "exclude_history": retrieval.exclude_history,
            "source_items": len(source_ids),
            "candidates": len(rows),
            "blocks": model.block_names,
        }
        self.known_rows = row_finder(self._source)
        self.signatures = self._signatures()

    def _vectors(self, rows: np.ndarray) -> np.ndarray:
        """`[rows, d + 2]` float32: row, bias and prior of candidates.

        Filled a part at a time, and in a file where the table is in one: a
        table may be as large as memory allows.
        """
        kernel, bias = self._model.head.kernel, self._model.head.bias.numpy()
        width = kernel.shape[1]
        found = beside(kernel, (len(rows), width + 2))
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            part = found[start : start + _ROWS]
            part[:, :width] = tf.gather(kernel, some)
            part[:, width], part[:, width + 1] = bias[some], self._prior[some]
        return found

    @property
    def _scann(self) -> approximate.ScannIndex | None:
        """The index that is a part of the graph."""
        index = self._index
        return index if isinstance(index, approximate.ScannIndex) else None

    @property
    def _is_searched_elsewhere(self) -> bool:
        """Whether an index beside the graph is searched with its vectors."""
        return isinstance(self._index, approximate.FaissIndex)

    def beside(self, folder: Path) -> dict[str, object]:
        if self._index is None:
            return {}
        facts = approximate.measured(
            self._index,
            self._vectors_of_queries(),
            self._candidates.vectors.numpy(),
            k=self._retrieval.k_max,
            min_recall=self._retrieval.min_recall,
        )
        names = [raw.decode() for raw in self._candidates.identifiers.numpy()]
        return facts | self._index.write(folder, names)

    def _vectors_of_queries(self) -> np.ndarray:
        """`[n, d + 2]` of the users for whom an index is measured."""
        padded = self._queries
        if padded is None or not len(padded):
            rows = [self._rows(example)[0] for example in self._examples]
            padded = Ragged.from_rows(rows).pad_left()
        return np.concatenate(
            [
                self._query_of(tf.constant(padded[start : start + _BATCH]))
                for start in range(0, len(padded), _BATCH)
            ]
        )

    def _signatures(self) -> dict[str, Signature]:
        history = tf.TensorSpec([None, None], tf.string, name="history")
        candidates = tf.TensorSpec([None, None], tf.string, name="candidates")
        alone = {"history": _HISTORY}
        return {
            "serving_default": Signature(
                self._graph(self._recommend, history),
                self._histories,
                alone
                | {
                    "items": 'Raw target ids, best first; "" where none is '
                    "left",
                    "scores": _SCORES,
                },
            ),
            "score": Signature(
                self._graph(self._score, history, candidates),
                self._scored,
                alone
                | {
                    "candidates": "Raw target ids to be scored, as many as "
                    'wanted; "" is padding',
                    "scores": "Logits; the lowest float32 for an id that is "
                    "no candidate",
                },
            ),
            "embed": Signature(
                self._graph(self._embed, history),
                self._histories,
                alone
                | {"user_vector": "What the target head reads"}
                | ({"query": _QUERY} if self._is_searched_elsewhere else {}),
            ),
            "explain": Signature(
                self._graph(self._explain, history),
                self._histories,
                alone
                | {
                    "actions": "How far each block runs tuned for this user, "
                    "from 0 to 1, bottom block first"
                },
            ),
        }

    def _graph(
        self, call: Callable[..., Any], *signature: tf.TensorSpec
    ) -> tf.types.experimental.GenericFunction:
        parts: list[tf.Module] = [self._model]
        if self._scann is not None:
            parts.append(self._scann.layer)
        return graph_of(call, *parts, input_signature=signature)

    def _recommend(self, history: tf.Tensor) -> dict[str, tf.Tensor]:
        if self._scann is not None:
            scores, items = self._scann.best(self._query(history))
            return {"items": items, "scores": scores}
        excluded = None
        if self._retrieval.exclude_history:
            excluded = self._places(history)
        scores, items = self._candidates(self._query(history), excluded)
        return {"items": items, "scores": scores}

    def _score(
        self, history: tf.Tensor, candidates: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        place = self._places(candidates)
        vectors = tf.gather(self._candidates.vectors, tf.maximum(place, 0))
        scores = tf.einsum("bd,bnd->bn", self._query(history), vectors)
        return {"scores": tf.where(place == _NONE, LOWEST, scores)}

    def _embed(self, history: tf.Tensor) -> dict[str, tf.Tensor]:
        vector = self._model.user_vector(self._read(history))
        found = {"user_vector": tf.cast(vector, tf.float32)}
        if self._is_searched_elsewhere:
            found["query"] = self._query(history)
        return found

    def _explain(self, history: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"actions": self._model.actions(self._read(history))}

    def _read(self, history: tf.Tensor) -> tf.Tensor:
        return as_history(self._source.rows(history), self._max_history)

    def _places(self, raw: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._place, self._target.rows(raw))

    def _query(self, history: tf.Tensor) -> tf.Tensor:
        return self._query_of(self._read(history))

    def scores(self, rows: tf.Tensor) -> tf.Tensor:
        """Logits of the candidates, as a recommendation ranks them.

        Args:
          rows: `[batch, length]` int32 source rows, padded on the left.

        Returns:
          `[batch, candidates]` float32.
        """
        vectors = self._candidates.vectors
        return tf.matmul(self._query_of(rows), vectors, transpose_b=True)

    def _query_of(self, rows: tf.Tensor) -> tf.Tensor:
        """`[batch, d + 2]`: user vector, 1 and 0, or zeros and 1."""
        vector = tf.cast(self._model.user_vector(rows), tf.float32)
        known = tf.reduce_any(rows >= FIRST_ITEM, axis=1, keepdims=True)
        share = tf.cast(known, tf.float32)
        return tf.concat(
            [tf.where(known, vector, 0.0), share, 1.0 - share], axis=1
        )

    def _histories(self, size: int, strange: bool) -> dict[str, np.ndarray]:
        rows = cycled(self._examples, size)
        if strange:
            rows = [[STRANGER, *row] for row in rows]
        return {"history": as_strings(rows)}

    def _scored(self, size: int, strange: bool) -> dict[str, np.ndarray]:
        some = [STRANGER] if strange else cycled(self._target_ids, 3)
        return self._histories(size, strange) | {
            "candidates": as_strings([[*some, ""]] * size)
        }

    def check(self, answers: Mapping[str, Answer]) -> int:
        examples = [*self._examples, []]
        raw = tf.constant(as_strings(examples))
        best = answers["serving_default"](history=raw)
        some = _spread(len(self._target_ids))
        names = [[self._target_ids[place] for place in some]] * len(examples)
        scores = answers["score"](
            history=raw, candidates=tf.constant(as_strings(names))
        )["scores"].numpy()
        vectors = answers["embed"](history=raw)["user_vector"].numpy()
        actions = answers["explain"](history=raw)["actions"].numpy()
        candidates = self._place.numpy()[FIRST_ITEM:] != _NONE
        for number, example in enumerate(examples):
            what = f"history {number}"
            left_out = set(example if self._retrieval.exclude_history else ())
            rows = self._rows(example)
            expected = self._expected(example, rows)
            known = candidates[some]
            compare(
                f"scores of single items for {what}",
                scores[number][known],
                expected[some][known],
            )
            allowed = [
                place
                for place in np.flatnonzero(candidates)
                if self._target_ids[place] not in left_out
            ]
            compare_best(
                what,
                best["items"][number].numpy(),
                best["scores"][number].numpy(),
                [self._target_ids[place] for place in allowed],
                expected[allowed],
                exact=self._scann is None,
            )
            for kind, found, own in (
                ("user vectors", vectors, self._model.user_vector),
                ("actions", actions, self._model.actions),
            ):
                compare(f"{kind} for {what}", found[number], own(rows)[0])
        return len(examples)

    def _rows(self, example: Sequence[str]) -> np.ndarray:
        """`[1, length]`, by a dictionary."""
        rows = [self._known.get(raw, UNKNOWN) for raw in example if raw]
        rows = rows[-self._max_history :] or [PADDING]
        return np.array([rows], np.int32)

    def _expected(self, example: Sequence[str], rows: np.ndarray) -> np.ndarray:
        """`[target items]` scores of the trained model."""
        if not (rows >= FIRST_ITEM).any():
            return self._prior[FIRST_ITEM:]
        return np.asarray(self._model(rows))[0, FIRST_ITEM:]


def check_retrieval(
    retrieval: Retrieval, source_ids: Sequence[str], target_ids: Sequence[str]
) -> None:
    """Finds what would stop a `TransferServable`, before there is a model.

    Raises:
      InputError: the domains share no items that could be excluded, or the
        index is not to be had.
    """
    if retrieval.exclude_history:
        check_shared(source_ids, target_ids)
    approximate.check(retrieval, len(retrieval.candidates) or len(target_ids))


def _spread(count: int) -> np.ndarray:
    """Places among so many, all or some of them, evenly spread."""
    return np.unique(np.linspace(0, count - 1, _SCORED).astype(np.int64))


def as_strings(rows: Sequence[Sequence[str]]) -> np.ndarray:
    """`[rows, longest]` bytes, padded with `b""` on the left."""
    longest = max(map(len, rows), default=0)
    table = np.full([len(rows), longest], b"", object)
    for place, row in enumerate(rows):
        if row:
            table[place, -len(row) :] = [raw.encode() for raw in row]
    return table
