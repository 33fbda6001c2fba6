"""What joint models learn from: examples of two domains, side by side."""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from tfxdr.data.joint.events import DomainEvents, read_domains
from tfxdr.data.prepared import PreparedData
from tfxdr.data.splits import (
    TEST,
    TRAIN,
    lowest_fraction,
    uniform,
)
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.types import FIRST_ITEM, JointSizes

DOMAINS = ("source", "target")
_META_SALT = 10

# Examples (below 0: none), with their items and labels.
_Answered = tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]


class Rows(NamedTuple):
    """Rows of joint batches, before their histories are gathered.

    All are `[rows]`; int32 but for the labels, float32.

    Attributes:
      user: rows of `Users`, from 0.
      source_event: -1 for none.
      source_item: 0 for none.
      source_label: 0 or 1.
      source_end: where the source history ends in what the rows' split may
        read (`DomainEvents.ends`).
      target_event: -1 for none.
      target_item: 0 for none.
      target_label: 0 or 1.
      target_end: where the target history ends.
      negatives: `[rows, number]`, sampled target items; training's alone.
    """

    user: np.ndarray
    source_event: np.ndarray
    source_item: np.ndarray
    source_label: np.ndarray
    source_end: np.ndarray
    target_event: np.ndarray
    target_item: np.ndarray
    target_label: np.ndarray
    target_end: np.ndarray
    negatives: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class JointData:
    """Examples, and what came before each.

    Labels: 1 where the rating is above a threshold. A domain without ratings,
    or whose ratings are all the same and so tell nothing, has its events as
    positives and a negative beside each: in training a new one each epoch,
    none of the user's training positives (validation and test positives are
    not left out: that would tell the model which they are); in validation and
    test a fixed one, no item that the user ever meets.

    Ratings tell which of the items that users meet they like, and nothing of
    all others, so that no ranking of a catalogue comes of them. Beside each
    rated target example of training may therefore stand `negatives` sampled
    items, new ones each epoch, again none of the user's training events.

    Splits: the target's are those of `Users.split`. A user's last source event
    is for test and the last but one for validation, if they have three or more,
    so that the source domain can be evaluated too (dual evaluation); all
    others train.

    Histories: events before a moment, at most `history_length` of each
    domain. If both domains have times, "before" is strictly earlier; in a
    domain without times it is the order of the user's row, and with times in
    one domain alone, or none, the other domain's whole history counts as
    before. What a split may read is `DomainEvents.visible`.

    Attributes:
      source: events of the source domain.
      target: events of the target domain.
      comparable: whether both domains' clocks are one.
      history_length: columns of a history.
      train: target examples that train, int64, in order.
      meta: target examples of the meta set: training examples that are held
        out of training for a meta-learner's upper level.
      liked_alone: whether a rated event that is no positive leaves a gap in
        the histories that hold it.
      negatives: sampled items beside each rated target example of training;
        0 where the target has no ratings.
    """

    source: DomainEvents
    target: DomainEvents
    comparable: bool
    history_length: int
    train: np.ndarray
    meta: np.ndarray
    liked_alone: bool = False
    negatives: int = 0

    @classmethod
    def of(
        cls,
        data: PreparedData,
        users: Users,
        *,
        history_length: int,
        meta_fraction: float,
        seed: int,
        positive_above: float | None = 3.0,
        liked_alone: bool = False,
        negatives: int = 0,
    ) -> JointData:
        """Makes the examples of prepared data.

        Args:
          data: for the items, their number and their categories.
          users: all users of the data.
          history_length: columns of a history.
          meta_fraction: share of the target training instances that make the
            meta set, those with the lowest hash of (seed, user, item); 0
            makes none, else at least one is taken.
          seed: of the meta set and of fixed negatives.
          positive_above: ratings above are positives; none: ratings are not
            read.
          liked_alone: whether histories leave out what is no positive.
          negatives: sampled items beside each target example of training, if
            the target has ratings.

        Raises:
          InputError: nothing can be learned from these data.
        """
        _check_options(history_length, meta_fraction)
        events, comparable = read_domains(data, users, positive_above, seed)
        target = events["target"]
        if target.label is None:
            negatives = 0  # an event's own stands in a row of its own
        for domain in events.values():
            domain.check_negatives(bool(negatives) and domain is target)
        train, meta = _hold_out(target, meta_fraction, seed)
        return cls(
            **events,
            comparable=comparable,
            history_length=history_length,
            train=target.examples(train),
            meta=target.examples(meta),
            liked_alone=liked_alone,
            negatives=negatives,
        )

    def without_meta_set(self) -> JointData:
        """The same, where the meta set trains, too."""
        train = self.examples("target", TRAIN)
        return dataclasses.replace(self, train=train, meta=self.meta[:0])

    @property
    def num_target_items(self) -> int:
        """Size of a target item table, with the reserved ids."""
        return self.target.num_items

    @property
    def sizes(self) -> JointSizes:
        """What a joint backbone is offered."""
        return JointSizes(
            users=FIRST_ITEM + len(self.target.items),
            source_items=self.source.num_items,
            target_items=self.target.num_items,
            source_categories=self.source.num_categories,
            target_categories=self.target.num_categories,
        )

    def examples(self, domain: str, split: int) -> np.ndarray:
        """A split's examples in order, int64; training's with the meta set."""
        events = self.domain(domain)
        return events.examples(np.flatnonzero(events.split == split))

    def target_rows(
        self,
        examples: np.ndarray,
        source_examples: np.ndarray,
        random: np.random.Generator,
    ) -> Rows:
        """Training rows: what came before the target examples.

        Sampled items stand beside them.

        Args:
          examples: `[rows]` target examples of training.
          source_examples: `[rows]` source examples of the same users; below
            0: none.
          random: draws negatives.
        """
        event = (examples >> 1).astype(np.int32)
        user = self.target.user[event]
        rows = self._joined(
            user,
            [ends[event] for ends in self._training_ends],
            (source_examples, self.source.answers(source_examples, random)),
            (examples, self.target.answers(examples, random)),
        )
        if not self.negatives:
            return rows
        sampled = self.target.sampled(user, self.negatives, random)
        return rows._replace(negatives=sampled)

    @functools.cached_property
    def _training_ends(self) -> list[np.ndarray]:
        """Where training histories end, for each target event."""
        user, clock = self.target.user, self.target.clock
        return self._ends(TRAIN, user, clock, "target")

    def evaluation_rows(self, domain: str, split: int) -> Rows:
        """A split's examples in order, each beside one of the other domain.

        A target example stands beside the user's most recent source event
        before it; a source example beside the most recent target event of
        training. Where there is none, its item is 0. Histories hold what
        came before the example that is judged, and not the one beside it.
        """
        events = self.domain(domain)
        examples = self.examples(domain, split)
        user = events.user[examples >> 1]
        clock = events.clock[examples >> 1]
        judged = examples, events.answers(examples, None)
        other = self.source if domain == "target" else self.target
        audience = split if domain == "target" else TRAIN
        ends = other.ends(audience, user, self._known(other, domain, clock))
        beside = self.positives(other, other.latest(audience, user, ends))
        pair = (beside, judged) if domain == "target" else (judged, beside)
        return self._rows(split, user, clock, domain, *pair)

    def moments(
        self, users: np.ndarray, split: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The first target event of a split of each user, and its clock.

        Args:
          users: `[n]` rows of `Users`.
          split: 0, 1 or 2.

        Returns:
          `[n]` int32 events, -1 where a user has none, and `[n]` clocks, then
          after everything.
        """
        events = np.flatnonzero(self.target.split == split)[::-1]
        first = np.full(len(self.target.items), -1, np.int32)
        first[self.target.user[events]] = events  # the earliest comes last
        chosen = first[users]
        after = np.int64(self.target.span - 1)
        if not len(events):
            return chosen, np.full(len(users), after)
        return chosen, np.where(chosen >= 0, self.target.clock[chosen], after)

    def behavior_rows(self, users: np.ndarray) -> Rows:
        """Each source behavior of training of the users, one by one.

        Beside it stands the user's first test example; histories hold what
        came before that, and not the behavior itself. A user without one has
        target item 0 and their whole histories.

        Args:
          users: `[n]` rows of `Users`.
        """
        behaviors = self.source.visible(TRAIN).take(users)
        place = behaviors.row_of_value
        event, clock = self.moments(users, TEST)
        return self._rows(
            TEST,
            users[place],
            clock[place],
            "target",
            self.positives(self.source, behaviors.values),
            self.positives(self.target, event[place]),
        )

    def latest_source(self, users: np.ndarray, split: int) -> np.ndarray:
        """The last source event of users before what a split asks of them.

        Args:
          users: `[n]` rows of `Users`.
          split: 0, 1 or 2. The moment is the user's first target example of
            it; all their events count as before if they have none.

        Returns:
          `[n]` int32 events, -1 for none.
        """
        clock = self._known(
            self.source, "target", self.moments(users, split)[1]
        )
        ends = self.source.ends(split, users, clock)
        return self.source.latest(split, users, ends)

    def positives(self, events: DomainEvents, chosen: np.ndarray) -> _Answered:
        """Examples of events (-1: none), with their items and labels."""
        examples = np.where(chosen < 0, np.int64(-1), 2 * chosen.astype("i8"))
        return examples, events.answers(examples, None)

    def domain(self, name: str) -> DomainEvents:
        """The events of `source` or `target`."""
        if name not in DOMAINS:
            raise ValueError(
                f"domain should be one of {DOMAINS}. Received: {name}"
            )
        return self.source if name == "source" else self.target

    def _known(
        self, events: DomainEvents, domain: str, clock: np.ndarray
    ) -> np.ndarray | None:
        """Another domain's moments, if they mean something in this one."""
        return clock if self.comparable or events.name == domain else None

    def _rows(
        self,
        audience: int,
        user: np.ndarray,
        clock: np.ndarray,
        domain: str,
        source: _Answered,
        target: _Answered,
    ) -> Rows:
        """Rows of a split that ask at moments of a domain's clock."""
        ends = self._ends(audience, user, clock, domain)
        return self._joined(user, ends, source, target)

    def _ends(
        self, audience: int, user: np.ndarray, clock: np.ndarray, domain: str
    ) -> list[np.ndarray]:
        """Of the source history and of the target history."""
        return [
            events.ends(audience, user, self._known(events, domain, clock))
            for events in (self.source, self.target)
        ]

    def _joined(
        self,
        user: np.ndarray,
        ends: list[np.ndarray],
        source: _Answered,
        target: _Answered,
    ) -> Rows:
        parts = [user.astype(np.int32)]
        for end, (examples, answers) in zip(
            ends, (source, target), strict=True
        ):
            parts += [(examples >> 1).astype(np.int32), *answers, end]
        parts.append(np.empty((len(user), 0), np.int32))
        return Rows(*parts)


def _check_options(history_length: int, meta_fraction: float) -> None:
    if history_length < 1:
        raise ValueError(
            f"history_length should be at least 1. Received: {history_length}"
        )
    if not 0 <= meta_fraction < 1:
        raise ValueError(
            "meta_fraction should be at least 0 and below 1. "
            f"Received: {meta_fraction}"
        )


def _hold_out(
    target: DomainEvents, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Target events that train, and those of the meta set."""
    training = np.flatnonzero(target.split == TRAIN)
    if len(training) < 1 + (fraction > 0):
        raise InputError(
            f"the training split holds {len(training)} target events, too few "
            "to train on"
            + (" and to hold a meta set out" if fraction else "")
            + "; raise --train_fraction or the first of --split_fractions"
        )
    if not fraction:
        return training, training[:0]
    drawn = uniform(
        target.user_hash[target.user[training]],
        target.items.values[training].astype(np.uint64),
        seed,
        _META_SALT,
    )
    held_out = lowest_fraction(drawn, fraction)
    if held_out.all():  # A large fraction of few is rounded up.
        held_out[np.argmax(drawn)] = False
    return training[~held_out], training[held_out]
