"""A generated data set in which part of the source behaviors mislead."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.errors import InputError
from tfxdr.registry import datasets

HELPFUL, HARMFUL = "helpful", "harmful"

_CATEGORIES = 4  # of each kind: helpful, harmful, target
_COMMON_SHARE = 0.8  # of an item's trait, that all items have
_CATEGORY_SHARE = 0.1  # of it, that the item's category decides
_NOISE = 1.0  # of a rating before it is rounded
_MIDDLE, _SCALE = 3.5, 1.2  # of ratings: above 3 is about half of them
_START = 1_600_000_000  # Unix seconds
_SPAN = 365 * 86_400
_CHUNK_USERS = 4096  # whose items are drawn at a time


def is_harmful(category: str) -> bool:
    """Whether source behaviors on items of a category mislead."""
    return category.partition("-")[0] == HARMFUL


@datasets.register("planted")
class Planted(Source):
    """Generated ratings; which source behaviors mislead is known.

    Planted:

    - A user has a taste, an item a trait, one number each. Items are much
      alike: four fifths of a trait's variance around zero is common to all, a
      tenth its category's, a tenth its own. What a user says of an item is
      the product of both and noise, from 1 to 5, about half of it above 3.
    - Target ratings follow the taste: `target_ratings` of each user, too few
      and too noisy to learn it from.
    - Source ratings on items of `helpful-1` to `helpful-4` follow the same
      taste: learned together with the target they help.
    - Source ratings on items of `harmful-1` to `harmful-4` follow the taste
      of another person who uses the same account: as consistent as the
      user's own, and of no use for the target. A model that has one number
      for a user has to mix both tastes, unless it weighs them; one that has
      more can keep them apart by itself.
    - Exactly `round(harmful * source_ratings)` of each user's source ratings
      are harmful. Kinds do not differ in how often their items are rated, nor
      in when, nor in how ratings are distributed: only what is learned from
      them tells them apart. `is_harmful` tells the kind from the category.

    Items of a user are distinct in each domain; both domains' events lie in
    one year, at random. Target categories are `target-1` to `target-4`.

    Args:
      users: Number of users.
      source_items: Items of the source domain, half of them harmful.
      target_items: Items of the target domain.
      source_ratings: Source ratings of each user.
      target_ratings: Target ratings of each user.
      harmful: Share of harmful ratings among a user's source ratings.
      seed: Another seed is another world.
    """

    protocol = "generated ratings of two domains in the same year"

    def __init__(
        self,
        users: int = 2000,
        source_items: int = 200,
        target_items: int = 100,
        source_ratings: int = 40,
        target_ratings: int = 10,
        harmful: float = 0.7,
        seed: int = 0,
    ):
        for option, value, least in (
            ("users", users, 1),
            ("source_ratings", source_ratings, 1),
            ("target_ratings", target_ratings, 1),
            ("source_items", source_items, 2 * source_ratings),
            ("target_items", target_items, target_ratings),
            ("seed", seed, 0),
        ):
            if value < least:
                raise InputError(
                    f"--dataset=planted: {option} should be at least "
                    f"{least}, found {value}"
                )
        if not 0 <= harmful <= 1:
            raise InputError(
                "--dataset=planted: harmful should be from 0 to 1, found "
                f"{harmful}"
            )
        self.users = users
        self.source_items = source_items
        self.target_items = target_items
        self.source_ratings = source_ratings
        self.target_ratings = target_ratings
        self.harmful = harmful
        self.seed = seed

    def load(self, connection, rejects) -> None:
        world = _World(self)
        for domain, (items, events) in (
            ("source", world.draw_source()),
            ("target", world.draw_target()),
        ):
            insert_arrays(connection, domain, events)
            insert_arrays(
                connection,
                f"{domain}_categories",
                {
                    "item": _raw_ids(domain[0], np.arange(len(items.category))),
                    "category": items.category,
                },
            )


@dataclasses.dataclass(frozen=True)
class _Items:
    """Items of a domain: `[items]` trait and `[items]` category."""

    trait: np.ndarray
    category: np.ndarray


class _World:
    """Draws everything from one generator, in a fixed order.

    Only `Generator.random` is used: the streams of NumPy's other
    distributions may change between versions.
    """

    def __init__(self, options: Planted):
        self.options = options
        self.random = np.random.Generator(
            np.random.Philox(np.random.SeedSequence(options.seed))
        ).random
        self.taste, self.other_taste = self._tastes(), self._tastes()

    def draw_source(self) -> tuple[_Items, dict[str, np.ndarray]]:
        """Items, the second half of them harmful, and rated events."""
        options = self.options
        half = options.source_items // 2
        helpful = self._items(options.source_items - half, HELPFUL)
        harmful = self._items(half, HARMFUL)
        both = _Items(
            np.concatenate([helpful.trait, harmful.trait]),
            np.concatenate([helpful.category, harmful.category]),
        )
        count = round(options.harmful * options.source_ratings)
        good = self._choose(
            len(helpful.category), options.source_ratings - count
        )
        bad = self._choose(half, count) + len(helpful.category)
        said = np.concatenate(
            [
                _product(self.taste, both, good),
                _product(self.other_taste, both, bad),
            ],
            axis=1,
        )
        return both, self._events("s", np.concatenate([good, bad], 1), said)

    def draw_target(self) -> tuple[_Items, dict[str, np.ndarray]]:
        """Items, and events rated by taste."""
        options = self.options
        items = self._items(options.target_items, "target")
        chosen = self._choose(options.target_items, options.target_ratings)
        said = _product(self.taste, items, chosen)
        return items, self._events("t", chosen, said)

    def _tastes(self) -> np.ndarray:
        """`[users]`, centred, so that no kind of items is liked more."""
        taste = self._normal(self.options.users)
        return taste - taste.mean()

    def _items(self, count: int, kind: str) -> _Items:
        group = (self.random(count) * _CATEGORIES).astype(np.int64)
        centre = self._normal(_CATEGORIES)[group]
        own = self._normal(count)
        trait = (
            np.sqrt(_COMMON_SHARE)
            + np.sqrt(_CATEGORY_SHARE) * centre
            + np.sqrt(1 - _COMMON_SHARE - _CATEGORY_SHARE) * own
        )
        # Few categories vary much: no kind's ratings shall be wider.
        trait /= np.sqrt((trait**2).mean())
        names = [f"{kind}-{number + 1}" for number in group]
        return _Items(trait, np.array(names, object))

    def _choose(self, items: int, count: int) -> np.ndarray:
        """`[users, count]` distinct items of each user."""
        parts = [
            np.argsort(self.random((stop - start, items)), axis=1)[:, :count]
            for start, stop in _chunks(self.options.users)
        ]
        return np.concatenate(parts)

    def _events(
        self, prefix: str, items: np.ndarray, said: np.ndarray
    ) -> dict[str, np.ndarray]:
        users, count = items.shape
        noisy = _SCALE * said + _NOISE * self._normal(*items.shape)
        time = _START + (self.random(items.shape) * _SPAN).astype(np.int64)
        return {
            "user": _raw_ids("u", np.repeat(np.arange(users), count)),
            "item": _raw_ids(prefix, items.ravel()),
            "time": time.ravel(),
            "rating": np.clip(np.rint(_MIDDLE + noisy), 1, 5).ravel(),
            "row": np.arange(items.size),
        }

    def _normal(self, *shape: int) -> np.ndarray:
        """Normal numbers (Box and Muller 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.random(shape)))
        return radius * np.cos(2 * np.pi * self.random(shape))


def _product(
    taste: np.ndarray, items: _Items, chosen: np.ndarray
) -> np.ndarray:
    """What `[users]` tastes say of `[users, count]` items, of variance 1."""
    return taste[:, np.newaxis] * items.trait[chosen]


def _chunks(users: int) -> list[tuple[int, int]]:
    return [
        (start, min(start + _CHUNK_USERS, users))
        for start in range(0, users, _CHUNK_USERS)
    ]


def _raw_ids(prefix: str, numbers: np.ndarray) -> np.ndarray:
    return np.array([f"{prefix}{number:06d}" for number in numbers], object)
