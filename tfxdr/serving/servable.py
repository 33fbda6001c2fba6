"""What every served model is: named functions of raw ids."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfxdr.errors import TrainingError
from tfxdr.ops.tracing import graph_of
from tfxdr.serving.lookup import RawIds

Tensors = Mapping[str, np.ndarray]
Answer = Callable[..., Mapping[str, tf.Tensor]]

TOLERANCE = 1e-4  # of scores before and after saving, relative above 1
STRANGER = "no such id"  # in a request with unknown ids


@dataclasses.dataclass(frozen=True)
class Signature:
    """One function of a served model.

    Attributes:
      function: a `tf.function` with an input signature, which takes tensors by
        name and returns tensors by name.
      request: inputs for so many rows, with unknown ids or without.
      meaning: what each input and output is.
    """

    function: tf.types.experimental.GenericFunction
    request: Callable[[int, bool], Tensors]
    meaning: Mapping[str, str]


class Servable(abc.ABC):
    """A trained model behind raw ids.

    A subclass makes the signatures, and can tell whether another's answers are
    its own.

    Attributes:
      kind: `transfer` or `joint`.
      signatures: by name; `serving_default` is among them.
      known_rows: table rows of raw ids `[n]` of what knows a user: the items
        of their history, or the user; an unknown id has row 1.
      tracked: lookup tables and variables that a saved graph needs by name;
        the variables of layers are found by themselves.
      facts: what a reader of the export should know, beside the signatures.
    """

    kind: str
    signatures: dict[str, Signature]
    known_rows: tf.types.experimental.GenericFunction
    tracked: dict[str, object]
    facts: dict[str, object]

    @abc.abstractmethod
    def check(self, answers: Mapping[str, Answer]) -> int:
        """Compares answers from raw ids on with those of the trained model.

        The model is asked as it is in an evaluation, not through the graphs
        of the signatures.

        Args:
          answers: functions by the names of the signatures.

        Returns:
          How many requests were compared.

        Raises:
          TrainingError: if an answer differs.
        """

    def beside(self, folder: Path) -> dict[str, object]:
        """Writes what stands beside the saved model, and tells of it.

        Args:
          folder: of the version.

        Returns:
          Facts, as in `facts`, that are known only now.

        Raises:
          InputError: it is not what was asked for.
        """
        del folder
        return {}

    def answers(self) -> dict[str, Answer]:
        """The functions by name, from this process's memory."""
        return {name: one.function for name, one in self.signatures.items()}


def row_finder(ids: RawIds) -> tf.types.experimental.GenericFunction:
    """See `Servable.known_rows`."""
    one = tf.TensorSpec([None], tf.string, name="raw")
    return graph_of(ids.rows, input_signature=[one])


def compare(what: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Refuses numbers that differ by more than rounding.

    Raises:
      TrainingError: names what differs, and by how much.
    """
    scale = np.maximum(np.abs(expected), 1.0)
    gap = float(np.max(np.abs(found - expected) / scale, initial=0.0))
    if not gap <= TOLERANCE:
        raise TrainingError(
            f"the export does not answer as the trained model does: {what} "
            f"differ by {gap:.3g} (allowed: {TOLERANCE:g}); nothing was "
            "published"
        )


def cycled(values: Sequence, size: int) -> list:
    """The first `size` values, from the start again where they run out."""
    return [values[place % len(values)] for place in range(size)]


def log_shares(counts: np.ndarray) -> np.ndarray:
    """The popularity prior: log of each item's share of training positives.

    Args:
      counts: `[items]`; every item has one more than this.
    """
    smooth = np.asarray(counts, np.float64) + 1.0
    return np.log(smooth / smooth.sum()).astype(np.float32)


def compare_best(
    what: str,
    items: Sequence[bytes],
    scores: np.ndarray,
    names: Sequence[str],
    expected: np.ndarray,
    *,
    exact: bool = True,
) -> None:
    """Refuses a list of items that is not the best of those expected.

    Ties may come in any order.

    Args:
      what: names the request.
      items: `[k]` raw ids, `b""` where there was nothing left.
      scores: `[k]`.
      names: `[candidates]` raw ids.
      expected: `[candidates]` what each should score.
      exact: whether they have to be the best, and not only of the candidates.

    Raises:
      TrainingError: if an item or a score differs.
    """
    found = [raw.decode() for raw in items if raw]
    best = np.sort(expected)[::-1][: len(items)]
    wanted = set(found)
    own = {
        raw: score
        for raw, score in zip(names, expected, strict=True)
        if raw in wanted
    }
    if len(found) != len(best) or own.keys() != wanted:
        raise TrainingError(
            "the export does not answer as the trained model does: "
            f"{len(found)} items for {what}, {len(best)} expected; nothing "
            "was published"
        )
    here = scores[: len(found)]
    compare(f"scores for {what}", here, np.array([own[raw] for raw in found]))
    if exact:
        compare(f"the best scores for {what}", here, best)
