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
    check_column(dataset, target.has_split)
    return bool(
        database.value(
            connection,
            f"SELECT count(*) FROM {target.name} "
            f"WHERE split = {splits.VALIDATION}",
        )
    )


def check_column(dataset: Source, has_split: bool) -> None:
    """The data have a split of their own.

    Raises:
      InputError: They have not.
    """
    if not has_split:
        raise InputError(
            f"--split=column: --dataset={dataset.name} has no column that says "
            "which split a row is of; name it, as in "
            "events(...,split=COLUMN), or choose another --split"
        )


def divide(
    published: np.ndarray,
    users: np.ndarray,
    items: np.ndarray,
    seed: int,
    fractions: Sequence[float],
    *,
    has_validation: bool,
) -> np.ndarray:
    """The split of some users' targets.

    Where nobody has a validation part, one is drawn from training, in the
    proportion of the shares.

    Args:
      published: `[targets]` int8, as the data say.
      users: `[targets]` uint64 hashes of the users.
      items: `[targets]` uint64 hashes of the items.
      seed: of what is drawn.
      fractions: shares of training, validation and test.
      has_validation: whether the data's own split has such a part.

    Returns:
      `[targets]` int8.
    """
    if has_validation:
        return published
    training, validation, _ = fractions
    return splits.split_validation_off(
        published, users, items, seed, validation / (training + validation)
    )
