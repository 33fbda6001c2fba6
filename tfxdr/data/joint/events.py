"""One domain's events, as joint training reads them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from tfxdr.data.prepared import PreparedData
from tfxdr.data.splits import TEST, TRAIN, VALIDATION, hash_ids, uniform
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.ops.free_items import FreeItems
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM, PADDING, UNKNOWN

_NEGATIVE_SALTS = {"source": 11, "target": 12}
_DUAL_EVALUATION_EVENTS = 3  # With fewer, a user's source events all train.


@dataclasses.dataclass(frozen=True, eq=False)
class DomainEvents:
    """Events user by user, each user's from the oldest to the latest.

    An example is a number: `2 * event`, or `2 * event + 1` for the negative
    that stands beside an event where the domain has no ratings.

    Attributes:
      name: `source` or `target`.
      items: int32 items, one row per user.
      split: `[events]` int8: 0 training, 1 validation, 2 test, 3 unused.
      label: `[events]` float32, 0 or 1; `None` without ratings, where every
        event is a positive.
      clock: `[events]` int64 from 0, never falling inside a user. Only an
        event with a lower number came before.
      span: above every clock by 2 or more; `span - 1` is after everything.
      category: `[num_items]` int32, the category of each item.
      num_categories: with the reserved 0 (none) and 1 (unknown).
      user_hash: `[users]` uint64, for draws that do not depend on the order
        of users.
      seed: of the negatives of validation and test.
    """

    name: str
    items: Ragged
    split: np.ndarray
    label: np.ndarray | None
    clock: np.ndarray
    span: int
    category: np.ndarray
    num_categories: int
    user_hash: np.ndarray
    seed: int

    @property
    def num_items(self) -> int:
        """Size of an item table, with the reserved ids."""
        return len(self.category)

    @property
    def examples_per_event(self) -> int:
        """1 with ratings; else 2, a positive and a negative."""
        return 1 if self.label is not None else 2

    @functools.cached_property
    def user(self) -> np.ndarray:
        """`[events]` int32, the row of each event's user."""
        return self.items.row_of_value.astype(np.int32)

    def visible(self, audience: int) -> Ragged:
        """What histories of rows of a split may hold, one row per user.

        Training rows read no event of validation or test, validation rows
        none of test, so that no model is trained or chosen on what it will be
        asked. Events that a smaller train fraction left out are read by none.

        Args:
          audience: 0, 1 or 2.

        Returns:
          int32 events (positions in `items.values`).
        """
        return self._visible[audience]

    @functools.cached_property
    def _visible(self) -> list[Ragged]:
        events = np.arange(len(self.split), dtype=np.int32)
        everything = Ragged(events, self.items.offsets)
        return [
            everything.select(self.split <= audience)
            for audience in range(TRAIN, TEST + 1)
        ]

    def ends(
        self, audience: int, users: np.ndarray, clocks: np.ndarray | None
    ) -> np.ndarray:
        """Where histories end in `visible(audience).values`.

        Args:
          audience: 0, 1 or 2.
          users: `[rows]` user rows.
          clocks: `[rows]` moments; `None` for all of the users' events.

        Returns:
          `[rows]` int32: the user's visible events before the moment are
          those before this position.
        """
        visible = self.visible(audience)
        if clocks is None:
            return visible.offsets[users + 1].astype(np.int32)
        kept = visible.values
        keys = self.user[kept].astype(np.int64) * self.span + self.clock[kept]
        wanted = users.astype(np.int64) * self.span + clocks
        return np.searchsorted(keys, wanted, side="left").astype(np.int32)

    def latest(
        self, audience: int, users: np.ndarray, ends: np.ndarray
    ) -> np.ndarray:
        """The last visible event of each history, -1 where it is empty."""
        visible = self.visible(audience)
        if not len(visible.values):
            return np.full(len(users), -1, np.int32)
        found = visible.values[np.maximum(ends, 1) - 1]
        return np.where(ends > visible.offsets[users], found, np.int32(-1))

    def examples(self, events: np.ndarray) -> np.ndarray:
        """The examples of events, int64, an event's one after the other."""
        count = self.examples_per_event
        numbers = 2 * events.astype(np.int64)[:, np.newaxis] + np.arange(count)
        return numbers.ravel()

    def answers(
        self, examples: np.ndarray, random: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Items and labels of examples.

        Args:
          examples: `[rows]`; below 0: none.
          random: draws the negatives of training, which are uniform over what
            is no training positive of the user. `None`: those of validation
            and test, which are fixed and no known item of the user.

        Returns:
          `[rows]` int32 items, 0 for none, and `[rows]` float32 labels.
        """
        items = np.full(len(examples), PADDING, np.int32)
        labels = np.zeros(len(examples), np.float32)
        real = np.flatnonzero(examples >= 0)
        event = examples[real] >> 1
        items[real] = self.items.values[event]
        labels[real] = 1 if self.label is None else self.label[event]
        negative = examples[real] & 1 == 1
        row, event = real[negative], event[negative]
        labels[row] = 0
        if random is not None:
            items[row] = self._free.draw(
                self.user[event], random.random(len(event))
            )
        elif len(row):
            items[row] = self._fixed_negatives(event)
        return items, labels

    def sampled(
        self, users: np.ndarray, count: int, random: np.random.Generator
    ) -> np.ndarray:
        """Items that are no training event of each user, `[rows, count]`.

        Args:
          users: `[rows]` user rows.
          count: for each, drawn one by one.
          random: draws them.
        """
        drawn = random.random((len(users), count))
        return self._free.draw(users[:, np.newaxis], drawn)

    def _fixed_negatives(self, event: np.ndarray) -> np.ndarray:
        user = self.user[event]
        drawn = uniform(
            self.user_hash[user],
            self.items.values[event].astype(np.uint64),
            self.seed,
            _NEGATIVE_SALTS[self.name],
        )
        return self._never_met.draw(user, drawn)

    @functools.cached_property
    def _free(self) -> FreeItems:
        return FreeItems(self.items.select(self.split == TRAIN), self.num_items)

    @functools.cached_property
    def _never_met(self) -> FreeItems:
        return FreeItems(self.items, self.num_items)

    def check_negatives(self, needed: bool) -> None:
        """Every event that needs a negative can have one.

        Args:
          needed: beside events with ratings, too.

        Raises:
          InputError: a user has met every item of the domain.
        """
        if (needed or self.label is None) and self._never_met.missing(
            self.user
        ):
            raise InputError(
                f"a user has met every {self.name} item: there is no negative "
                "to sample; leave that user out of the data"
            )


def read_domains(
    data: PreparedData,
    users: Users,
    positive_above: float | None,
    seed: int,
) -> tuple[dict[str, DomainEvents], bool]:
    """The events of both domains, by name, and whether they share a clock.

    Arguments and errors are those of `JointData.of`.
    """
    clocks, span, comparable = _clocks(users)
    user_hash = hash_ids(users.ids)
    history, target = users.history, users.target
    events = {}
    for name, items, split, rating in (
        (
            "source",
            history,
            dual_split(history.offsets),
            users.history_rating,
        ),
        ("target", target, users.split, users.target_rating),
    ):
        category, num_categories = code_categories(
            getattr(data, f"{name}_categories"),
            getattr(data, f"num_{name}_items"),
        )
        events[name] = DomainEvents(
            name=name,
            items=items,
            split=split,
            label=_labels(name, rating, positive_above),
            clock=clocks[name],
            span=span,
            category=category,
            num_categories=num_categories,
            user_hash=user_hash,
            seed=seed,
        )
    return events, comparable


def dual_split(offsets: np.ndarray) -> np.ndarray:
    """Splits source events for dual evaluation, `[events]` int8.

    Args:
      offsets: `[users + 1]`, where each user's events begin.
    """
    split = np.full(offsets[-1], TRAIN, np.int8)
    last = offsets[1:][np.diff(offsets) >= _DUAL_EVALUATION_EVENTS] - 1
    split[last] = TEST
    split[last - 1] = VALIDATION
    return split


def code_categories(
    texts: Sequence[str] | np.ndarray | None, num_items: int
) -> tuple[np.ndarray, int]:
    """Numbers for the categories of items.

    Args:
      texts: `[num_items - 2]` categories of the real items, "" where unknown;
        `None` if the data have no categories.
      num_items: size of the item table, reserved ids included.

    Returns:
      `[num_items]` int32, where 0 is that of padding, 1 unknown, and others
      count from 2 in ascending order of the texts; and how many ids there
      are with the reserved ones.
    """
    category = np.full(num_items, UNKNOWN, np.int32)
    category[PADDING] = PADDING
    if texts is None:
        return category, FIRST_ITEM
    known = sorted({*texts} - {""})
    ids = {text: FIRST_ITEM + place for place, text in enumerate(known)}
    category[FIRST_ITEM:] = [ids.get(text, UNKNOWN) for text in texts]
    return category, FIRST_ITEM + len(known)


def _clocks(users: Users) -> tuple[dict[str, np.ndarray], int, bool]:
    """Each domain's clock, the span of both, whether they are one."""
    history, target = users.history_time, users.target_time
    if history is not None and target is not None:
        joined = np.concatenate([history, target])
        times, clock = np.unique(joined, return_inverse=True)
        first, second = np.split(clock, [len(history)])
        return {"source": first, "target": second}, len(times) + 2, True
    clocks = {}
    for name, items, time in (
        ("source", users.history, history),
        ("target", users.target, target),
    ):
        if time is None:
            starts = items.offsets[:-1][items.row_of_value]
            clocks[name] = np.arange(len(items.values)) - starts
        else:
            clocks[name] = np.unique(time, return_inverse=True)[1]
    span = max(int(clock.max(initial=0)) for clock in clocks.values()) + 3
    return clocks, span, False


def _labels(
    name: str, rating: np.ndarray | None, positive_above: float | None
) -> np.ndarray | None:
    if rating is None or positive_above is None:
        return None
    if not len(rating) or rating.min() == rating.max():
        return None
    label = (rating > positive_above).astype(np.float32)
    if label.min() == label.max():
        side = "above" if label[0] else "at most"
        raise InputError(
            f"--positive_above={positive_above:g}: all {name} ratings are "
            f"{side} that, from {rating.min():g} to {rating.max():g}, so that "
            "no example differs from another; choose a value between, or none "
            "where ratings do not tell positives"
        )
    return label
