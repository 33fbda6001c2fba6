"""The best target items for one user, by raw ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.serving.lookup import RawIds, as_history
from tfxdr.serving.recommendations import Recommendation, Recommendations
from tfxdr.serving.servable import Answer, Servable
from tfxdr.types import FIRST_ITEM, UNKNOWN, Scorer


class Recommender:
    """Asks a served model for one user at a time.

    Args:
      answers: its functions by the names of the signatures.
      known_rows: table rows of raw ids of what knows a user: the items of
        their history, or the user.
      facts: as in `signature.json`.
      titles: of target items by raw id.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer],
        known_rows: Callable[[tf.Tensor], tf.Tensor],
        facts: Mapping[str, Any],
        titles: Mapping[str, str],
    ) -> None:
        self._answers = answers
        self._known_rows = known_rows
        self._facts = facts
        self._titles = titles

    @classmethod
    def of(cls, servable: Servable, titles: Mapping[str, str]) -> Recommender:
        """Over a model in memory, without graphs.

        Tracing one takes far longer than a few answers.

        Args:
          servable: the model.
          titles: of target items by raw id.
        """
        answers = {
            name: one.function.python_function
            for name, one in servable.signatures.items()
        }
        known_rows = servable.known_rows.python_function
        return cls(answers, known_rows, servable.facts, titles)

    @property
    def reads_histories(self) -> bool:
        """Whether the model knows a user by their history."""
        return "recommend" not in self._answers

    def answer(
        self, history: Sequence[str], k: int, leave_out: Collection[str] = ()
    ) -> Recommendations:
        """As `for_history`, with what is to be known of the answer."""
        strange = self._is_strange(history)
        return Recommendations(
            self.for_history(history, k, leave_out),
            {} if strange else self.actions(history),
            self.unknown([raw for raw in history if raw]),
            strange,
        )

    def _is_strange(self, history: Sequence[str]) -> bool:
        """Whether none of the items that the model reads is known to it."""
        read = [raw for raw in history if raw][-self._facts["max_history"] :]
        return len(self.unknown(read)) == len(read)

    def for_history(
        self, history: Sequence[str], k: int, leave_out: Collection[str] = ()
    ) -> list[Recommendation]:
        """Recommends from source items, oldest first.

        An item that the model does not know is read as the unknown item;
        `unknown` names them.

        Args:
          history: raw ids.
          k: how many items, at most.
          leave_out: raw ids of items that the user has.
        """
        answer = self._answers["serving_default"](history=_row(history))
        return self._best(answer, k, leave_out)

    def for_user(
        self, user: str, k: int, leave_out: Collection[str] = ()
    ) -> list[Recommendation]:
        """Recommends to a user whom a joint model knows; see `for_history`.

        Raises:
          InputError: if it does not know them.
        """
        if self.unknown([user]):
            raise InputError(f"--user={user}: the model knows no such user")
        answer = self._answers["recommend"](user=tf.constant([user]))
        return self._best(answer, k, leave_out)

    def unknown(self, raw: Sequence[str]) -> list[str]:
        """Those of some raw ids that the model does not know."""
        rows = self._known_rows(tf.constant(list(raw), tf.string, [len(raw)]))
        return [
            one for one, row in zip(raw, rows, strict=True) if row == UNKNOWN
        ]

    def actions(self, history: Sequence[str]) -> dict[str, float]:
        """How far each block runs tuned for a history, the lowest first.

        Nothing for a baseline, which has no blocks.
        """
        if "explain" not in self._answers:
            return {}
        found = self._answers["explain"](history=_row(history))["actions"]
        names = self._facts["blocks"]
        return dict(zip(names, found[0].numpy().tolist(), strict=True))

    def _best(
        self,
        answer: Mapping[str, tf.Tensor],
        k: int,
        leave_out: Collection[str],
    ) -> list[Recommendation]:
        if k > self._facts["k_max"]:
            raise InputError(
                f"--k={k}: the export answers with at most "
                f"{self._facts['k_max']} items; export it with --k_max={k}"
            )
        items = [raw.decode() for raw in answer["items"].numpy()[0]]
        scores = answer["scores"].numpy()[0].tolist()
        return [
            Recommendation(raw, score, self._titles.get(raw, ""))
            for raw, score in zip(items, scores, strict=True)
            if raw and raw not in leave_out
        ][:k]


def counted(
    scorer: Scorer,
    *,
    source_ids: Sequence[str],
    target_ids: Sequence[str],
    max_history: int,
    k_max: int,
    titles: Mapping[str, str],
) -> Recommender:
    """A recommender over a baseline, which no graph can hold.

    Args:
      scorer: scores the target table for histories.
      source_ids: raw ids of the source items; position `i` is row `i + 2`.
      target_ids: likewise of the target items.
      max_history: the latest items that are read.
      k_max: how many items an answer holds, at most.
      titles: of target items by raw id.
    """
    source = RawIds(source_ids)
    names = tf.constant(list(target_ids))

    def answer(history: tf.Tensor) -> dict[str, tf.Tensor]:
        rows = as_history(source.rows(history), max_history)
        scores = tf.convert_to_tensor(scorer(rows.numpy()), tf.float32)
        k = min(k_max, len(target_ids))
        values, places = tf.math.top_k(scores[:, FIRST_ITEM:], k=k)
        return {"items": tf.gather(names, places), "scores": values}

    return Recommender(
        {"serving_default": answer},
        source.rows,
        {"k_max": k_max, "max_history": max_history},
        titles,
    )


def _row(history: Sequence[str]) -> tf.Tensor:
    return tf.constant([list(history)], tf.string, [1, len(history)])
