"""A split that comes with the data, taken as it is."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from tfxdr.data import database, splits
from tfxdr.datasets.base import Source
from tfxdr.errors import InputError


def has_validation(
    connection: duckdb.DuckDBPyConnection,
    dataset: Source,
    target: database.Domain,
) -> bool:
    """Whether the data's own split has a validation part.

    Raises:
      InputError: They have no split.
    """
    if not target.has_split:
        raise InputError(
            f"--split=column: --dataset={dataset.name} has no column that says "
            "which split a row is of; name it, as in "
            "events(...,split=COLUMN), or choose another --split"
        )
    return bool(
        database.value(
            connection,
            f"SELECT count(*) FROM {target.name} "
            f"WHERE split = {splits.VALIDATION}",
        )
    )


def read(
    targets: database.CodedEvents,
    ids: np.ndarray,
    item_hashes: np.ndarray,
    seed: int,
    fractions: Sequence[float],
    *,
    has_validation: bool,
) -> np.ndarray:
    """The split of some users' targets.

    Where nobody has a validation part, one is drawn from training, in the
    proportion of the shares.

    Args:
      targets: of the users.
      ids: `[users]` raw ids.
      item_hashes: `[items]` uint64, by code.
      seed: of what is drawn.
      fractions: shares of training, validation and test.
      has_validation: whether the data's own split has such a part.

    Returns:
      `[targets]` int8.
    """
    assert targets.split is not None  # `has_validation` saw to it.
    if has_validation:
        return targets.split
    training, validation, _ = fractions
    return splits.split_validation_off(
        targets.split,
        splits.hash_ids(ids)[targets.items.row_of_value],
        item_hashes[targets.items.values],
        seed,
        validation / (training + validation),
    )
