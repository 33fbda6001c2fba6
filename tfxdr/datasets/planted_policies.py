"""A generated data set in which the right decision is known for every user."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.errors import InputError
from tfxdr.registry import datasets

STABLE, SHIFTED = "stable", "shifted"

MARKERS = 6  # of a user's events, the first ones
_MARKERS_OF_A_KIND = 4  # items
_START = 1_600_000_000  # Unix seconds
_OFFSET = 200 * 86_400  # between the first user's first event and the last's
_STEP = 6 * 3_600  # between two events of a user


@datasets.register("planted-policies")
class PlantedPolicies(Source):
    """Generated users, of whom some need tuned blocks and some do not.

    Planted:

    - `tastes` clusters of items in both domains; in a cluster the item of
      rank r is drawn with weight 1/r. Tastes lie on one cycle.
    - A user has `length` source events. From one to the next their taste
      moves to its successor on the cycle with probability `stay`, else to any
      taste. So predicting the next source item teaches the successor.
    - A *stable* user's target events are of the successor of their last
      taste, or of any taste with probability `noise`: what pre-training
      teaches is right for them, and what few noisy targets teach can only
      hurt.
    - A *shifted* user's target events are of the taste of the event `back`
      from the end, which predicting the next source item never asks for: this
      has to be learned from targets.
    - Who is what shows in the first six events alone. They are markers in
      place of items of a taste, of the user's own kind with probability
      `clear`, else of the other; the walk goes on under them. The kind is
      independent of all other events.

    So a policy that freezes for the stable and tunes for the shifted can beat
    any rule for all, and `kind`, an attribute of the users, tells whether it
    decided rightly. `best_hit_rates` says what there is to reach.

    Args:
      users: Number of users.
      tastes: Number of clusters.
      items_per_taste: Items of a cluster, in each domain.
      length: Source events of every user.
      shifted: Share of shifted users; the others are stable.
      clear: Probability that a marker is of the user's own kind.
      stay: Probability that the taste moves to its successor.
      back: Which event from the end has the taste of a shifted user's
        targets; 1 is the last.
      noise: Probability that a stable user's target is of any taste.
      targets: Target events of every user.
      seed: Another seed is another world.
    """

    protocol = "generated events; target events follow all source events"

    def __init__(
        self,
        users: int = 8000,
        tastes: int = 12,
        items_per_taste: int = 10,
        length: int = 24,
        shifted: float = 0.4,
        clear: float = 0.9,
        stay: float = 0.8,
        back: int = 5,
        noise: float = 0.4,
        targets: int = 3,
        seed: int = 0,
    ):
        self.users = users
        self.tastes = tastes
        self.items_per_taste = items_per_taste
        self.length = length
        self.shifted = shifted
        self.clear = clear
        self.stay = stay
        self.back = back
        self.noise = noise
        self.targets = targets
        self.seed = seed
        self._check()

    @property
    def name(self) -> str:
        return "planted-policies"

    def _check(self) -> None:
        for option, least in (
            ("users", 1),
            ("tastes", 2),
            ("items_per_taste", 1),
            ("length", MARKERS + 1),
            ("back", 1),
            ("targets", 1),
            ("seed", 0),
        ):
            value = getattr(self, option)
            if value < least:
                raise InputError(
                    f"--dataset={self.name}: {option} should be at least "
                    f"{least}, found {value}"
                )
        for option in ("shifted", "clear", "stay", "noise"):
            value = getattr(self, option)
            if not 0 <= value <= 1:
                raise InputError(
                    f"--dataset={self.name}: {option} should be from 0 to 1, "
                    f"found {value}"
                )
        if self.back > self.length - MARKERS:
            raise InputError(
                f"--dataset={self.name}: back should be at most "
                f"{self.length - MARKERS}, the events of length={self.length} "
                f"that are no markers, found {self.back}"
            )

    def ceilings(self) -> dict[str, float]:
        """See `best_hit_rates`, of this world."""
        found = best_hit_rates(self)
        return {
            f"HR@5 with the true parameters, kind {known}": value
            for known, value in found.items()
        }

    def load(self, connection, rejects) -> None:
        world = World.draw(self)
        insert_arrays(
            connection, "source", self._events("s", world.source, world.start)
        )
        later = world.start + self.length * _STEP
        insert_arrays(
            connection, "target", self._events("t", world.target, later)
        )
        kind = np.where(world.shifted, SHIFTED, STABLE).astype(object)
        users = _raw_ids("u", np.arange(self.users))
        insert_arrays(connection, "attributes", {"user": users, "kind": kind})
        titles = self._taste_titles()
        for table, prefix, found in (
            ("source_titles", "s", titles + _marker_titles()),
            ("target_titles", "t", titles),
        ):
            columns = {
                "item": _raw_ids(prefix, np.arange(len(found))),
                "title": np.array(found, object),
            }
            insert_arrays(connection, table, columns)

    def _events(
        self, prefix: str, items: np.ndarray, start: np.ndarray
    ) -> dict[str, np.ndarray]:
        users, count = items.shape
        time = start[:, np.newaxis] + _STEP * np.arange(count)
        return {
            "user": _raw_ids("u", np.repeat(np.arange(users), count)),
            "item": _raw_ids(prefix, items.ravel()),
            "time": time.ravel(),
            "rating": np.ones(items.size),
            "row": np.arange(items.size),
        }

    def _taste_titles(self) -> list[str]:
        return [
            f"taste {taste + 1}, no. {rank + 1}"
            for taste in range(self.tastes)
            for rank in range(self.items_per_taste)
        ]


@dataclasses.dataclass(frozen=True)
class World:
    """What was drawn.

    Attributes:
      shifted: `[users]` bool, the kind.
      taste: `[users, length]`, also under the markers.
      marked: `[users, MARKERS]` bool: whether a marker says shifted.
      source: `[users, length]` items; item `r` of taste `k` is
        `k * items_per_taste + r`, the markers follow, stable ones first.
      target: `[users, targets]` items, numbered alike.
      start: `[users]` int64, Unix seconds of the first event.
    """

    shifted: np.ndarray
    taste: np.ndarray
    marked: np.ndarray
    source: np.ndarray
    target: np.ndarray
    start: np.ndarray

    @classmethod
    def draw(cls, options: PlantedPolicies) -> World:
        """Draws everything from one generator, in the order of this method.

        Only `Generator.random` is used: the streams of NumPy's other
        distributions may change between versions.
        """
        draws = _Draws(options)
        shifted = draws.random(options.users) < options.shifted
        taste = draws.walk()
        marked = draws.markers(shifted)
        source = draws.items(taste)
        kinds = draws.below(_MARKERS_OF_A_KIND, marked.shape)
        kinds += _MARKERS_OF_A_KIND * marked
        source[:, :MARKERS] = options.tastes * options.items_per_taste + kinds
        target = draws.items(draws.target_tastes(shifted, taste))
        start = _START + draws.below(_OFFSET, options.users)
        return cls(shifted, taste, marked, source, target, start)


class _Draws:
    """One generator, and what is drawn from it."""

    def __init__(self, options: PlantedPolicies):
        self.options = options
        self.random = np.random.Generator(np.random.PCG64(options.seed)).random

    def below(self, bound: int, shape: int | tuple[int, ...]) -> np.ndarray:
        return (self.random(shape) * bound).astype(np.int64)

    def walk(self) -> np.ndarray:
        """`[users, length]` tastes."""
        options = self.options
        taste = np.empty((options.users, options.length), np.int64)
        taste[:, 0] = self.below(options.tastes, options.users)
        for step in range(1, options.length):
            follows = self.random(options.users) < options.stay
            anywhere = self.below(options.tastes, options.users)
            successor = (taste[:, step - 1] + 1) % options.tastes
            taste[:, step] = np.where(follows, successor, anywhere)
        return taste

    def markers(self, shifted: np.ndarray) -> np.ndarray:
        """`[users, MARKERS]` whether each says that its user is shifted."""
        own = self.random((len(shifted), MARKERS)) < self.options.clear
        return own == shifted[:, np.newaxis]

    def items(self, taste: np.ndarray) -> np.ndarray:
        """An item of each taste, the one of rank r with weight 1/r."""
        edges = np.cumsum(_item_probability(self.options))[:-1]
        rank = np.searchsorted(edges, self.random(taste.shape), side="right")
        return taste * self.options.items_per_taste + rank

    def target_tastes(
        self, shifted: np.ndarray, taste: np.ndarray
    ) -> np.ndarray:
        """`[users, targets]`."""
        options = self.options
        shape = (options.users, options.targets)
        noisy = self.random(shape) < options.noise
        anywhere = self.below(options.tastes, shape)
        successor = (taste[:, -1:] + 1) % options.tastes
        stable = np.where(noisy, anywhere, successor)
        earlier = taste[:, -options.back, np.newaxis]
        return np.where(shifted[:, np.newaxis], earlier, stable)


def best_hit_rates(
    options: PlantedPolicies, top: int = 5, held_out: float = 0.15
) -> dict[str, float]:
    """Simulates what a model with the world's true parameters would reach.

    It ranks items by their probability as the next target, given the user's
    history and what is known of their kind, as a test does: repeated target
    events of a user count once, a share is held out at random and ranked, and
    the user's other target items do not compete.

    Args:
      options: of the world; one of more users gives closer estimates.
      top: how many items are recommended.
      held_out: share of target events that is ranked.

    Returns:
      HR@`top` by what the model knows of the kind: `unknown` (the share of
      shifted users alone; what one tower that does not see the markers can
      reach at best), `markers` (the first six events; what a history can
      tell at best) and `known`.
    """
    world = World.draw(options)
    # Apart from the world's own draws, which the data set shares.
    ranked = np.random.Generator(np.random.PCG64([options.seed, 1])).random(
        world.target.shape
    )
    order = np.sort(world.target, axis=1)
    repeated = np.zeros(order.shape, bool)
    repeated[:, 1:] = order[:, 1:] == order[:, :-1]
    held = (ranked < held_out) & ~repeated
    probability = {
        "unknown": np.full(options.users, options.shifted),
        "markers": _kind_given_markers(options, world.marked),
        "known": world.shifted.astype(np.float64),
    }
    return {
        known: _hit_rate(
            _target_probability(options, world.taste, shifted),
            order,
            held,
            held | repeated,
            top,
        )
        for known, shifted in probability.items()
    }


def _item_probability(options: PlantedPolicies) -> np.ndarray:
    """`[items_per_taste]`, of an item given its taste."""
    weight = 1 / np.arange(1, options.items_per_taste + 1)
    return weight / weight.sum()


def _kind_given_markers(
    options: PlantedPolicies, marked: np.ndarray
) -> np.ndarray:
    """`[users]` probability that a user is shifted, by Bayes' rule."""
    says = marked.sum(axis=1)
    clear, unclear = options.clear, 1 - options.clear
    shifted = options.shifted * clear**says * unclear ** (MARKERS - says)
    stable = (1 - options.shifted) * unclear**says * clear ** (MARKERS - says)
    return shifted / (shifted + stable)


def _target_probability(
    options: PlantedPolicies, taste: np.ndarray, shifted: np.ndarray
) -> np.ndarray:
    """`[users, items]`, of the next target item.

    Args:
      options: of the world.
      taste: `[users, length]`.
      shifted: `[users]` probability that a user is shifted.
    """
    users = np.arange(options.users)
    by_taste = np.full(
        (options.users, options.tastes), options.noise / options.tastes
    )
    successor = (taste[:, -1] + 1) % options.tastes
    by_taste[users, successor] += 1 - options.noise
    by_taste *= (1 - shifted)[:, np.newaxis]
    by_taste[users, taste[:, -options.back]] += shifted
    joint = by_taste[:, :, np.newaxis] * _item_probability(options)
    return joint.reshape(options.users, -1)


def _hit_rate(
    probability: np.ndarray,
    target: np.ndarray,
    held: np.ndarray,
    competes: np.ndarray,
    top: int,
) -> float:
    """Share of held-out targets among the `top` likeliest items.

    Equally likely items are taken in any order: each counts by its chance.
    """
    others = probability.copy()
    user, event = np.nonzero(~competes)
    others[user, target[user, event]] = -1.0
    user, event = np.nonzero(held)
    own = probability[user, target[user, event]][:, np.newaxis]
    above = (others[user] > own).sum(axis=1)
    level = (others[user] == own).sum(axis=1)  # itself included
    return float(np.clip((top - above) / level, 0, 1).mean())


def _marker_titles() -> list[str]:
    return [
        f"marker of the {kind}, no. {number + 1}"
        for kind in (STABLE, SHIFTED)
        for number in range(_MARKERS_OF_A_KIND)
    ]


def _raw_ids(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{prefix}{number:05d}" for number in numbers], object)
