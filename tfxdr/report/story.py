"""What a comparison of runs shows, in sentences that follow from its numbers.

Nothing here knows a data set: every claim is a difference that was measured,
beside its standard error.
"""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from tfxdr.evaluation import Actions, Ranking, auc, hit_ratio
from tfxdr.evaluation.metrics import hits
from tfxdr.start_up import printable

WIDTH = 80
_JOINED = "\u00a0"  # a space at which textwrap does not break
# What a row is, by how it came to its decisions.
COUNTED, SCRATCH, RULE, CHANCE, LEARNED, TOLD = (
    "counted",
    "scratch",
    "rule",
    "chance",
    "learned",
    "told",
)
_METRICS = {
    "hr": "the share of them that is among its user's first {n}",
    "mrr": "the mean of 1/rank, 0 below rank {n}",
    "ndcg": "the mean of 1/log2(1 + rank), 0 below rank {n}",
}


@dataclasses.dataclass(frozen=True)
class Told:
    """A row of the table.

    Attributes:
      name: of the policy.
      family: `COUNTED` (nothing is trained), `SCRATCH` (not pre-trained),
        `RULE` (the same blocks are tuned for all), `CHANCE` (blocks by user,
        nothing learned), `LEARNED` (blocks by user, by a policy network) or
        `TOLD` (blocks by user, by what others have to find out).
      ranking: of the test split; of the same instances in all rows.
      actions: of a policy that decides by user.
    """

    name: str
    family: str
    ranking: Ranking
    actions: Actions | None = None

    def hit_ratio(self, top: int) -> float:
        return hit_ratio(self.ranking.rank, top)


@dataclasses.dataclass(frozen=True)
class _Question:
    """Two families whose best rows answer it, and the three answers."""

    title: str
    left: str
    right: str
    above: str
    level: str
    below: str


_QUESTIONS = (
    _Question(
        "Training against counting",
        RULE,
        COUNTED,
        "a trained model is worth its time",
        "a trained model gains nothing that this test can tell",
        "what is trained is below what is counted: train longer, or at "
        "another rate",
    ),
    _Question(
        "Pre-training",
        RULE,
        SCRATCH,
        "what the source domain taught helps in the target domain",
        "what the source domain taught makes no difference that this test can "
        "tell",
        "what the source domain taught is in the way",
    ),
    _Question(
        "Deciding user by user",
        LEARNED,
        RULE,
        "it beats every rule here that is the same for all users",
        "it is level with the best rule for all users",
        "the best rule for all users is better",
    ),
    _Question(
        "Learned decisions against a coin's",
        LEARNED,
        CHANCE,
        "the decisions count, and not that there are two towers",
        "decisions by chance do as well",
        "decisions by chance do better",
    ),
)


def metrics_text(keys: Sequence[str], ranking: Ranking, items: int) -> str:
    """What the columns mean.

    Args:
      keys: such as `hr@5` or `mrr@5/uni99`.
      ranking: of the test split.
      items: of the target domain.
    """
    lines = [
        f"The test holds {len(ranking):,} target events of "
        f"{len(np.unique(ranking.user)):,} users, which nothing was trained "
        f"on. For each of these users all {items:,} target items are ranked, "
        "but for those that the user is known to have."
    ]
    for key in keys:
        name, _, rest = key.partition("@")
        n, _, sampled = rest.partition("/uni")
        if name in _METRICS:
            text = f"{name.upper()}@{n}: {_METRICS[name].format(n=n)}"
            if sampled:
                text += f", each among {sampled} sampled items alone"
            lines.append(f"{text}.")
    return _paragraphs(lines)


def star_text(rows: Sequence[Told], top: int) -> str:
    """What the mark of the best means, and which rows it may leave out."""
    best = max(rows, key=lambda row: row.hit_ratio(top))
    level = [
        row.name
        for row in rows
        if row is not best and not _differs(*difference(best, row, top))
    ]
    text = (
        "A star, or bold on a terminal, marks the best value of a column. By "
        f"HR@{top} it is {best.name}"
    )
    if level:
        return _paragraphs(
            [
                f"{text}; {listed(level)} cannot be told from it, being "
                "within two standard errors of the difference."
            ]
        )
    return _paragraphs(
        [
            f"{text}, by more than two standard errors of the difference to "
            "every other row."
        ]
    )


def lessons(rows: Sequence[Told], top: int) -> str:
    """What the rows teach, as far as there are rows that can."""
    lines = []
    for question in _QUESTIONS:
        left = _best_of(rows, question.left, top)
        right = _best_of(rows, question.right, top)
        if left is None or right is None:
            continue
        mean, error = difference(left, right, top)
        answer = question.level
        if _differs(mean, error):
            answer = question.above if mean > 0 else question.below
        lines.append(
            f"{question.title}: {left.name} {left.hit_ratio(top):.3f}, "
            f"{right.name} {right.hit_ratio(top):.3f}, a difference of "
            f"{mean:+.3f} with a standard error of {error:.3f}: {answer}."
        )
    return _paragraphs([*lines, *_head_room(rows, top)])


def _head_room(rows: Sequence[Told], top: int) -> list[str]:
    """How much of what there was to gain each policy that learns has gained."""
    told, rule = _best_of(rows, TOLD, top), _best_of(rows, RULE, top)
    if told is None or rule is None:
        return []
    room = told.hit_ratio(top) - rule.hit_ratio(top)
    if not _differs(*difference(told, rule, top)) or room < 0:
        return [
            f"Head-room: {told.name} is not above {rule.name}, so that there "
            "is nothing to decide that this test can tell."
        ]
    shares = [
        f"{row.name} {(row.hit_ratio(top) - rule.hit_ratio(top)) / room:.2f}"
        for row in rows
        if row.family == LEARNED
    ]
    if not shares:
        return []
    return [
        f"Head-room: {told.name} is told who is who and has {room:+.3f} over "
        f"{rule.name}; of that recovered: {', '.join(shares)}."
    ]


def difference(left: Told, right: Told, top: int) -> tuple[float, float]:
    """HR@`top` of one row less another's, and its standard error.

    Paired by instance; the error is that of a mean over clusters, a user's
    instances being one.

    Raises:
      ValueError: the rows are not of the same instances.
    """
    for name in ("user", "item"):
        if not np.array_equal(
            getattr(left.ranking, name), getattr(right.ranking, name)
        ):
            raise ValueError(
                f"{left.name} and {right.name} should rank the same instances"
            )
    gain = hits(left.ranking.rank, top) - hits(right.ranking.rank, top)
    gain = gain.astype(np.float64)
    mean = gain.mean()
    by_user = np.bincount(left.ranking.user, weights=gain - mean)
    return float(mean), float(np.sqrt((by_user**2).sum()) / len(gain))


def decisions_text(
    rows: Sequence[Told], groups: Mapping[str, np.ndarray], tuned: str
) -> str:
    """How much each row tunes for each group.

    Args:
      rows: those with actions are told of.
      groups: `[all users]` bool by name, whether a user is of it.
      tuned: the group whose users should be tuned, and those of the other one
        not; "" if nobody knows.
    """
    lines = []
    for row in rows:
        if row.actions is None:
            continue
        rates = rates_by_group(row.actions, groups)
        told = [f"{rate.mean():.2f} for {name}" for name, rate in rates.items()]
        text = f"{row.name} tunes a share of {listed(told)} users' blocks"
        if tuned:
            values = block_aucs(row.actions, groups[tuned])
            best = int(np.argmax(values))
            text += (
                f"; block {best + 1} tells them apart best, with an AUC of "
                f"{values[best]:.3f} (0.5 is by chance, 1 without a mistake)"
            )
            if len(values) > 1:
                each = ", ".join(f"{value:.3f}" for value in values)
                text += f", of all blocks {each}"
        lines.append(f"{text}.")
    return _paragraphs(lines)


def rates_by_group(
    actions: Actions, groups: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """`[blocks]` mean actions of each group that has a test user."""
    return {
        name: actions.actions[here[actions.users]].mean(0, dtype=np.float64)
        for name, here in groups.items()
        if here[actions.users].any()
    }


def block_aucs(actions: Actions, tuned: np.ndarray) -> list[float]:
    """How well each block's actions tell who should be tuned.

    Blocks can take opposite roles, so that their mean would say nothing.

    Args:
      actions: of the test users.
      tuned: `[all users]` bool.
    """
    label = tuned[actions.users].astype(np.int64)
    return [
        auc(label, actions.actions[:, b]) for b in range(actions.num_blocks)
    ]


def user_text(
    user: str,
    group: str,
    *,
    history: Sequence[str],
    actions: str,
    recommended: Sequence[str],
    held_out: Sequence[str],
) -> str:
    """What a user did, what was decided for them, and what they are shown.

    Args:
      user: raw id.
      group: what is known of them.
      history: titles, oldest first.
      actions: which blocks run tuned, in words; "" without any.
      recommended: titles, the best first.
      held_out: titles of the test's events.
    """
    lines = [printable(f"{user}, {group}")]
    lines += _wrapped("history: ", history)
    if actions:
        lines += _wrapped("decision: ", [actions])
    marked = [
        f"{rank}. {title}{' (held out)' if title in held_out else ''}"
        for rank, title in enumerate(recommended, 1)
    ]
    lines += _wrapped("recommended: ", marked)
    lines += _wrapped("held out: ", held_out)
    return "\n".join(lines)


def _best_of(rows: Sequence[Told], family: str, top: int) -> Told | None:
    known = [row for row in rows if row.family == family]
    return max(known, key=lambda row: row.hit_ratio(top), default=None)


def _differs(mean: float, error: float) -> bool:
    return abs(mean) > 2 * error and not math.isclose(mean, 0.0)


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _paragraphs(lines: Sequence[str]) -> str:
    return "\n".join(
        textwrap.fill(
            line,
            WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
        for line in lines
    )


def _wrapped(label: str, items: Sequence[str]) -> list[str]:
    """Lines that are broken between items, and not within a title."""
    whole = "; ".join(printable(i).replace(" ", _JOINED) for i in items)
    lines = textwrap.wrap(
        label + whole,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
    return [line.replace(_JOINED, " ") for line in lines]
