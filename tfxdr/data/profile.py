"""Users whose target is an attribute of themselves: `--task=profile`.

A class is a target item: the classes of the attribute are the target
vocabulary, and a user has one target at most. So batches, models and
checkpoints of fine-tuning serve profile prediction (UAF, section 5.5) as they
are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfxdr.data.splits import hash_ids, split_random
from tfxdr.data.users import Users
from tfxdr.data.vocabulary import order_items
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM

_SPLIT_NAMES = ("training", "validation", "test")


def profile_users(
    users: Users,
    attribute: str,
    *,
    split_fractions: Sequence[float],
    seed: int,
) -> tuple[Users, tuple[str, ...]]:
    """Puts the class of each user in the place of their target items.

    All users stay, in their rows: one with an empty history is predicted from
    that, one without a known value has no target. Users are split, each by
    (`seed`, raw id) alone: whatever the attribute and whoever else is there,
    they are in the same part, and a larger share of training holds a smaller
    one.

    Args:
      users: as prepared for ranking; their targets are not looked at.
      attribute: which one, a key of `users.attributes`.
      split_fractions: expected shares of training, validation and test.
      seed: another seed is another split.

    Returns:
      Users with one class id, from 2 on, or none in each row of `target`, and
      the names of the classes in the order of their ids: by falling frequency,
      ties by name. Name `i` is that of id `i + 2`.

    Raises:
      InputError: the data have no such attribute, it has fewer than two known
        values, or a part of the split is empty.
    """
    values = _values(users, attribute)
    known = values != ""
    found, code, counts = np.unique(
        values[known], return_inverse=True, return_counts=True
    )
    names = found.tolist()
    if len(names) < 2:
        raise InputError(
            f"--attribute={attribute}: expected at least two classes, found "
            + (f"only {names[0]!r}" if len(names) else "no user with a value")
            + "; choose another attribute"
        )
    order = order_items(names, counts)
    id_of_code = np.empty(len(names), np.int32)
    id_of_code[order] = FIRST_ITEM + np.arange(len(names))
    profiled = dataclasses.replace(
        users,
        target=Ragged.from_lengths(id_of_code[code], known),
        split=_split(users.ids[known], split_fractions, seed, attribute),
        target_time=None,
        target_rating=None,
    )
    return profiled, tuple(names[place] for place in order)


def _values(users: Users, attribute: str) -> np.ndarray:
    """`[users]` str, "" where unknown."""
    if not users.attributes:
        raise InputError(
            f"--attribute={attribute}: these data hold no attributes of "
            "users; choose a --dataset that does, such as MovieLens-1M with "
            "its users.dat"
        )
    if attribute not in users.attributes:
        known = ", ".join(sorted(users.attributes))
        raise InputError(
            f"--attribute: expected an attribute that the data have ({known}),"
            f" found {attribute!r}"
        )
    return np.asarray(users.attributes[attribute], str)


def _split(
    ids: np.ndarray, fractions: Sequence[float], seed: int, attribute: str
) -> np.ndarray:
    """`[ids]` int8; those with the lowest draws are for training."""
    training, validation, test = fractions
    whole_user = np.zeros(len(ids), np.uint64)
    split = split_random(
        hash_ids(ids), whole_user, seed, (training, validation, test)
    )
    sizes = np.bincount(split, minlength=len(_SPLIT_NAMES))
    for name, size in zip(_SPLIT_NAMES, sizes, strict=True):
        if not size:
            raise InputError(
                f"--attribute={attribute}: the {name} split holds none of the "
                f"{len(ids)} users with a known value; raise its share in "
                "--split_fractions or bring more data"
            )
    return split
