"""What a router between two methods shows, in plain sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tfxdr.evaluation.comparison import Pair, Verdicts
from tfxdr.report.table import metric_title


def remarks(
    found: Verdicts,
    *,
    share: float,
    best: Mapping[str, float],
) -> Verdicts:
    """Adds what it means: the verdict first.

    Args:
      found: two methods, what they are together, and a router; the better of
        the two is the baseline.
      share: of the test users whom the router sends to the second method.
      best: by metric, if each user had the better one in hindsight.
    """
    first, second = found.methods[:2]
    values = ", ".join(
        f"{metric_title(metric)} {value:.4f}" for metric, value in best.items()
    )
    lines = (
        _verdict(found),
        f"The router sends {share:.0%} of the test users to {second.name} and "
        f"the others to {first.name}; it has learned from the validation of "
        "other users, from what both make of a history, from how sure they are "
        "of their scores, and from its length. The ensemble has the mean "
        "of both methods' probabilities.",
        f"In hindsight, each user with the better of the two on the test "
        f"itself: {values}. That is no estimate of what a router can reach: "
        "chance alone lifts it above both.",
    )
    return dataclasses.replace(found, remarks=lines)


def has_room(found: Verdicts) -> bool:
    """Whether the router is above both, as far as the test can tell."""
    pair = _deciding_pair(found)
    return pair.is_real and pair.difference.mean > 0


def _verdict(found: Verdicts) -> str:
    first, second = (method.name for method in found.methods[:2])
    pair = _deciding_pair(found)
    one = pair.difference
    told = (
        f"with a router {metric_title(pair.metric)} is {one.mean:+.4f} "
        f"against {pair.right} alone (95% interval {one.low:+.4f} to "
        f"{one.high:+.4f}, p {pair.corrected:.4f} by Holm)"
    )
    if has_room(found):
        return (
            f"There is something to route between {first} and {second}: {told}."
        )
    return (
        f"There is nothing to route between {first} and {second} that this "
        f"test can tell: {told}."
    )


def _deciding_pair(found: Verdicts) -> Pair:
    """The router against the better of the two, by the last metric."""
    pair = found.pair(found.methods[-1].name, found.baseline, found.metrics[-1])
    assert pair is not None
    return pair
