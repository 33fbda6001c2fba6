"""A generated data set in which part of the source behaviors mislead."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy  # loads its statistics, which takes a while, when they are used

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
_ABOVE = 3  # is a positive, as --positive_above has it
_GRID = np.linspace(-4, 4, 49)  # of tastes
_LOG_PRIOR = -(_GRID**2) / 2


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
      them tells them apart. Their items' categories say it to whoever asks:
      `--meta=oracle(category=harmful)`, `--explain_by=category=harmful`.

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

    def ceilings(self) -> dict[str, float]:
        """See `best_aucs`, of this world."""
        return {
            f"target AUC with the true parameters, {known}": value
            for known, value in best_aucs(self).items()
        }

    def load(self, connection, rejects) -> None:
        world = _World(self)
        for domain, (items, ratings) in (
            ("source", world.draw_source()),
            ("target", world.draw_target()),
        ):
            insert_arrays(connection, domain, ratings.events(domain[0]))
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


@dataclasses.dataclass(frozen=True)
class _Ratings:
    """Of a domain, all `[users, count]`: items, ratings from 1 to 5, times."""

    item: np.ndarray
    rating: np.ndarray
    time: np.ndarray

    def events(self, prefix: str) -> dict[str, np.ndarray]:
        """Rows for the database; `prefix` is of raw item ids."""
        users, count = self.item.shape
        return {
            "user": _raw_ids("u", np.repeat(np.arange(users), count)),
            "item": _raw_ids(prefix, self.item.ravel()),
            "time": self.time.ravel(),
            "rating": self.rating.ravel(),
            "row": np.arange(self.item.size),
        }


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

    def draw_source(self) -> tuple[_Items, _Ratings]:
        """Items, the second half of them harmful, and their ratings."""
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
        return both, self._rate(np.concatenate([good, bad], 1), said)

    def draw_target(self) -> tuple[_Items, _Ratings]:
        """Items, and ratings by taste."""
        options = self.options
        items = self._items(options.target_items, "target")
        chosen = self._choose(options.target_items, options.target_ratings)
        said = _product(self.taste, items, chosen)
        return items, self._rate(chosen, said)

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

    def _rate(self, items: np.ndarray, said: np.ndarray) -> _Ratings:
        noisy = _SCALE * said + _NOISE * self._normal(*items.shape)
        time = _START + (self.random(items.shape) * _SPAN).astype(np.int64)
        rating = np.clip(np.rint(_MIDDLE + noisy), 1, 5)
        return _Ratings(items, rating, time)

    def _normal(self, *shape: int) -> np.ndarray:
        """Normal numbers (Box and Muller 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.random(shape)))
        return radius * np.cos(2 * np.pi * self.random(shape))


def best_aucs(options: Planted) -> dict[str, float]:
    """Simulates what a model with the world's true parameters would reach.

    It knows the traits of all items, how tastes are distributed and how a
    rating comes about, and nothing else of a user than their ratings, from
    which it infers their taste by Bayes' rule, on a grid. It is judged as by
    `--split=leave-one-out`: all of a user's target ratings but two are known,
    the last one is predicted by the chance that it is above 3.

    Args:
      options: of the world; one of more users gives closer estimates.

    Returns:
      AUC by what else is known beside those target ratings: nothing; all
      source ratings, each believed to be the user's own, as by a model that
      has one taste for an account; all of them again, each believed to be
      another person's with the true probability, where both persons' tastes
      are inferred, but not from which items is rated what by others; and the
      helpful ones, known to be it.
    """
    world = _World(options)
    items, behaviors = world.draw_source()
    targets, asked = world.draw_target()
    source = _Likelihood(items.trait)
    target = _Likelihood(targets.trait)
    last = asked.item[:, -1]
    positive = asked.rating[:, -1] > _ABOVE
    own = options.source_ratings - round(
        options.harmful * options.source_ratings
    )
    found: dict[str, list[np.ndarray]] = {}
    for start, stop in _chunks(options.users):
        rows = slice(start, stop)
        known = target.log(asked.item[rows, :-2], asked.rating[rows, :-2]).sum(
            1
        )
        said = source.log(behaviors.item[rows], behaviors.rating[rows])
        for name, taste in (
            ("target ratings alone", known),
            ("all source ratings as the user's own", known + said.sum(1)),
            (
                "source ratings of unknown kind",
                known + _of_two(said, options.harmful),
            ),
            ("helpful source ratings", known + said[:, :own].sum(1)),
        ):
            score = (_posterior(taste) * target.above[last[rows]]).sum(1)
            found.setdefault(name, []).append(score)
    return {
        name: _auc(positive, np.concatenate(scores))
        for name, scores in found.items()
    }


class _Likelihood:
    """Of ratings of known items, on the grid of tastes.

    Attributes:
      above: `[items, grid]` probability of a rating above 3.
    """

    def __init__(self, trait: np.ndarray) -> None:
        mean = _MIDDLE + _SCALE * trait[:, np.newaxis] * _GRID
        edges = np.array([-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf])
        below = scipy.special.ndtr(
            (edges[:, np.newaxis, np.newaxis] - mean) / _NOISE
        )
        self.above = 1 - below[_ABOVE]
        # The least is far below what any rating drawn here has.
        self._log = np.log(np.maximum(np.diff(below, axis=0), 1e-30))

    def log(self, item: np.ndarray, rating: np.ndarray) -> np.ndarray:
        """`[users, count, grid]` of items and ratings `[users, count]`."""
        return self._log[rating.astype(np.int64) - 1, item]


def _of_two(said: np.ndarray, share: float) -> np.ndarray:
    """`[users, grid]` log-likelihood of a taste, beside an unknown second one.

    Args:
      said: `[users, count, grid]` log-likelihood of each rating by a taste.
      share: probability that a rating follows the second taste.
    """
    both = np.zeros((len(said), len(_GRID), len(_GRID)))
    for one in np.exp(said).swapaxes(0, 1):
        both += np.log(
            (1 - share) * one[:, :, np.newaxis] + share * one[:, np.newaxis]
        )
    return scipy.special.logsumexp(both + _LOG_PRIOR, axis=2)


def _posterior(log_likelihood: np.ndarray) -> np.ndarray:
    """`[users, grid]` probability of each taste."""
    return scipy.special.softmax(log_likelihood + _LOG_PRIOR, axis=1)


def _auc(positive: np.ndarray, score: np.ndarray) -> float:
    if positive.all() or not positive.any():
        raise InputError(
            "--dataset=planted: expected target ratings above 3 and others "
            "among the users' last, found one kind; raise users"
        )
    wins = scipy.stats.mannwhitneyu(score[positive], score[~positive])
    return float(wins.statistic / positive.sum() / (~positive).sum())


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
