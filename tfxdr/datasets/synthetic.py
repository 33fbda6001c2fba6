"""The embedded data set: generated, so that nothing has to be downloaded."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.errors import InputError
from tfxdr.registry import datasets

_START = 1_600_000_000  # Unix seconds
_SOURCE_SPAN = 200 * 86_400
_TARGET_SPAN = 100 * 86_400

_STYLES = 4
_STYLE_WINDOW = 5  # The last events whose styles make the mood.
_RESTLESS_SHARE = 0.35
_STAY = (0.88, 0.6)  # Calm, restless: probability to stay in a taste.
_OWN_TARGETS = (0.05, 0.85)  # Calm, restless: target events of the mood.
_REPERTOIRE = 3  # Tastes of a user.
_WITHIN = 0.85  # A move goes to one of them, and not to a neighbour.
_CURRENT = 0.85  # A shared target is of the current taste.
_SUCCESSOR = 0.45
_SOURCE_SKEW, _TARGET_SKEW = 0.6, 1.2  # Exponents of popularity.
_MIN_HISTORY, _MAX_HISTORY = 5, 30
_MAX_TARGETS = 6


@datasets.register("synthetic")
class Synthetic(Source):
    """Generated users whose source tastes predict their target items.

    Planted:

    - `tastes` clusters of items in both domains; raw ids tell nothing of
      them. A user has a repertoire of three.
    - Source: a walk over tastes. Each event stays in the current taste or
      moves on, mostly to another of the repertoire, else to the neighbouring
      taste. In a taste the next item is often the successor of the one
      before, otherwise drawn by popularity. So predicting the next source
      item teaches which items share a taste and where a user is now, from
      many events.
    - Target, the shared part: an item of the taste that the source sequence
      ended in (85%) or of another of the repertoire, by popularity. Far too
      few events to learn the tastes of the source items from, unless they
      were learned in the source domain.
    - Target, the domain-specific part: every source item also has one of 4
      styles and every target item one of 4 aisles, both independent of
      tastes. The aisle is that of the most frequent style among the user's
      last 5 source events. Styles never influence the source sequence, so
      pre-training has no reason to represent them; fine-tuning must.
    - Whose targets are which differs by user, and shows in the history: calm
      users (65%) stay long in a taste and follow tastes in 95% of their
      target events; restless users (35%) switch often and follow styles in
      85%. A policy that keeps frozen what serves the calm, and tunes for the
      restless, can beat any rule for all.
    - Popularity is skewed inside a taste and an aisle and flat between them:
      recommending the popular to everybody does not get far.

    Histories have 5 to 30 events, users 1 to 6 distinct target items (about 2
    on average). Attributes: `taste` (the first of the repertoire) and
    `temper`.

    Args:
      users: Number of users.
      source_items: Items of the source domain; those drawn are in the data.
      target_items: Items of the target domain.
      tastes: Number of clusters.
      seed: Another seed is another world.
    """

    protocol = "generated events; target events follow all source events"

    def __init__(
        self,
        users: int = 4000,
        source_items: int = 600,
        target_items: int = 300,
        tastes: int = 20,
        seed: int = 0,
    ):
        for option, value, least in (
            ("users", users, 1),
            ("tastes", tastes, _REPERTOIRE),
            ("source_items", source_items, 2 * tastes),
            ("target_items", target_items, 2 * tastes),
            ("seed", seed, 0),
        ):
            if value < least:
                raise InputError(
                    f"--dataset=synthetic: {option} should be at least "
                    f"{least}, found {value}"
                )
        self.users = users
        self.source_items = source_items
        self.target_items = target_items
        self.tastes = tastes
        self.seed = seed

    def load(self, connection, rejects) -> None:
        world = _World(self)
        tastes = world.draw_tastes()
        history, current = world.draw_history(tastes)
        target = world.draw_targets(tastes, history, current)
        insert_arrays(connection, "source", _events("s", *history.flat()))
        insert_arrays(connection, "target", _events("t", *target.flat()))
        insert_arrays(connection, "attributes", _attributes(tastes))
        for domain, items in (("s", world.source), ("t", world.target)):
            insert_arrays(
                connection,
                "source_titles" if domain == "s" else "target_titles",
                _titles(domain, items),
            )


@dataclasses.dataclass(frozen=True)
class _Items:
    """Items of a domain: `[items]` taste, rank inside it, style or aisle."""

    taste: np.ndarray
    rank: np.ndarray
    style: np.ndarray
    by_taste: list[np.ndarray]
    by_style: list[np.ndarray]


@dataclasses.dataclass(frozen=True)
class _Tastes:
    """`[users, 3]` repertoire, `[users]` whether restless."""

    own: np.ndarray
    restless: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Sequences:
    """`[users, length]` items and times; -1 where there is no event."""

    items: np.ndarray
    times: np.ndarray

    def flat(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        user, _ = present = np.nonzero(self.items >= 0)
        return user, self.items[present], self.times[present]


class _World:
    """Draws everything from one generator, in a fixed order.

    Only `Generator.random` is used: the streams of NumPy's other
    distributions may change between versions.
    """

    def __init__(self, options: Synthetic):
        self.options = options
        self.random = np.random.Generator(np.random.PCG64(options.seed)).random
        self.source = self._items(options.source_items)
        self.target = self._items(options.target_items)

    def _items(self, count: int) -> _Items:
        tastes = self.options.tastes
        position = np.argsort(self.random(count))
        taste, rank = position % tastes, position // tastes
        style = self._integers(count, _STYLES)
        by_rank = np.argsort(rank, kind="stable")
        return _Items(
            taste,
            rank,
            style,
            [by_rank[taste[by_rank] == group] for group in range(tastes)],
            [by_rank[style[by_rank] == group] for group in range(_STYLES)],
        )

    def _integers(self, count: int, below: int) -> np.ndarray:
        return (self.random(count) * below).astype(np.int64)

    def _popular(
        self, groups: list[np.ndarray], group: np.ndarray, exponent: float
    ) -> np.ndarray:
        """One item of each user's group by a Zipf law over ranks."""
        drawn = np.empty(len(group), np.int64)
        uniform = self.random(len(group))
        for index, members in enumerate(groups):
            here = group == index
            weights = np.arange(1, len(members) + 1) ** -exponent
            edges = np.cumsum(weights) / weights.sum()
            rank = np.searchsorted(edges[:-1], uniform[here], side="right")
            drawn[here] = members[rank]
        return drawn

    def draw_tastes(self) -> _Tastes:
        users, tastes = self.options.users, self.options.tastes
        order = np.argsort(self.random((users, tastes)), axis=1)
        restless = self.random(users) < _RESTLESS_SHARE
        return _Tastes(order[:, :_REPERTOIRE], restless)

    def draw_history(self, tastes: _Tastes) -> tuple[_Sequences, np.ndarray]:
        """Source events, and the taste that each user's ended in."""
        users = self.options.users
        spread = _MAX_HISTORY - _MIN_HISTORY + 1
        length = _MIN_HISTORY + (spread * self.random(users) ** 1.5).astype(int)
        items = np.full((users, _MAX_HISTORY), -1)
        state, item = self._one_of(tastes.own), None
        current = state
        for step in range(_MAX_HISTORY):
            moved = self._move(state, tastes)
            item = self._next_item(item, state, moved)
            items[:, step] = np.where(step < length, item, -1)
            current = np.where(step < length, moved, current)
            state = moved
        times = np.sort(self.random(items.shape), axis=1) * _SOURCE_SPAN
        return _Sequences(items, _START + times.astype(np.int64)), current

    def _one_of(self, choices: np.ndarray) -> np.ndarray:
        """One of each row's entries."""
        rows, count = choices.shape
        return choices[np.arange(rows), self._integers(rows, count)]

    def _move(self, state: np.ndarray, tastes: _Tastes) -> np.ndarray:
        users = self.options.users
        stay = np.where(tastes.restless, _STAY[1], _STAY[0])
        near = (state + 1) % self.options.tastes
        within = self.random(users) < _WITHIN
        moved = np.where(within, self._one_of(tastes.own), near)
        return np.where(self.random(users) < stay, state, moved)

    def _next_item(
        self, item: np.ndarray | None, state: np.ndarray, moved: np.ndarray
    ) -> np.ndarray:
        popular = self._popular(self.source.by_taste, moved, _SOURCE_SKEW)
        follows = self.random(len(state)) < _SUCCESSOR
        if item is None:
            return popular
        rank = self.source.rank[item] + 1
        successor = popular.copy()
        for taste, members in enumerate(self.source.by_taste):
            here = moved == taste
            successor[here] = members[rank[here] % len(members)]
        return np.where(follows & (state == moved), successor, popular)

    def draw_targets(
        self, tastes: _Tastes, history: _Sequences, current: np.ndarray
    ) -> _Sequences:
        users = self.options.users
        count = 1 + (_MAX_TARGETS * self.random(users) ** 3).astype(int)
        mood = self._mood(history)
        own = np.where(tastes.restless, _OWN_TARGETS[1], _OWN_TARGETS[0])
        items = np.full((users, _MAX_TARGETS), -1)
        for step in range(_MAX_TARGETS):
            now = self.random(users) < _CURRENT
            taste = np.where(now, current, self._one_of(tastes.own))
            shared = self._popular(self.target.by_taste, taste, _TARGET_SKEW)
            specific = self._popular(self.target.by_style, mood, _TARGET_SKEW)
            item = np.where(self.random(users) < own, specific, shared)
            known = (items == item[:, None]).any(axis=1)
            items[:, step] = np.where((step < count) & ~known, item, -1)
        times = np.sort(self.random(items.shape), axis=1) * _TARGET_SPAN
        start = _START + _SOURCE_SPAN
        return _Sequences(items, start + times.astype(np.int64))

    def _mood(self, history: _Sequences) -> np.ndarray:
        """The most frequent style of the last events; ties: the latest."""
        length = (history.items >= 0).sum(axis=1)
        votes = np.zeros((len(length), _STYLES))
        rows = np.arange(len(length))
        for back in range(_STYLE_WINDOW):
            style = self.source.style[history.items[rows, length - 1 - back]]
            votes[rows, style] += 1 + 0.1 * 0.5**back
        return votes.argmax(axis=1)


def _raw_ids(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{prefix}{number:05d}" for number in numbers], object)


def _events(
    prefix: str, user: np.ndarray, item: np.ndarray, time: np.ndarray
) -> dict[str, np.ndarray]:
    return {
        "user": _raw_ids("u", user),
        "item": _raw_ids(prefix, item),
        "time": time,
        "rating": np.ones(len(user)),
        "row": np.arange(len(user)),
    }


def _attributes(tastes: _Tastes) -> dict[str, np.ndarray]:
    temper = np.where(tastes.restless, "restless", "calm").astype(object)
    return {
        "user": _raw_ids("u", np.arange(len(temper))),
        "taste": _raw_ids("", tastes.own[:, 0]),
        "temper": temper,
    }


def _titles(prefix: str, items: _Items) -> dict[str, np.ndarray]:
    group = "style" if prefix == "s" else "aisle"
    titles = [
        f"taste {taste}, {group} {style}, no. {rank + 1}"
        for taste, rank, style in zip(
            items.taste, items.rank, items.style, strict=True
        )
    ]
    return {
        "item": _raw_ids(prefix, np.arange(len(titles))),
        "title": np.array(titles, object),
    }
