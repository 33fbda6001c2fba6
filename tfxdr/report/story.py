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

from tfxdr.evaluation import Actions, BehaviorWeights, Ranking
from tfxdr.evaluation.groups import Groups
from tfxdr.evaluation.score import Score
from tfxdr.report.subjects import LEARNED, RULE, TOLD, Subject
from tfxdr.report.table import metric_title
from tfxdr.start_up import printable

WIDTH = 80
_JOINED = "\u00a0"  # a space at which textwrap does not break
_EXAMPLES = {
    "auc": "the chance that a random positive example of the target domain "
    "scores above a random negative one",
    "log_loss": "the mean cross-entropy of these examples, in nats; less is "
    "better",
}
_METRICS = {
    "hr": "the share of them that is among its user's first {n}",
    "mrr": "the mean of 1/rank, 0 below rank {n}",
    "ndcg": "the mean of 1/log2(1 + rank), 0 below rank {n}",
}


@dataclasses.dataclass(frozen=True)
class Told:
    """A row of the table.

    Attributes:
      name: of the policy or meta-learner.
      family: `COUNTED` (nothing is trained), `SCRATCH` (not pre-trained),
        `RULE` (the same for all), `CHANCE` (by user, nothing learned),
        `LEARNED` (by user, by a policy network; by behavior, by a
        meta-learner) or `TOLD` (by what others have to find out).
      score: in the test; of the same instances in all rows.
    """

    name: str
    family: str
    score: Score


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
        elif key in _EXAMPLES:
            title = metric_title(key)
            lines.append(f"{title}: {_EXAMPLES[key]}.")
    return _paragraphs(lines)


def star_text(rows: Sequence[Told]) -> str:
    """What the mark of the best means, and which rows it may leave out."""
    best = max(rows, key=lambda row: row.score.value)
    level = [
        row.name
        for row in rows
        if row is not best and not _differs(*best.score.less(row.score))
    ]
    text = (
        "A star, or bold on a terminal, marks the best value of a column. By "
        f"{best.score.name} it is {best.name}"
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


def lessons(rows: Sequence[Told], subject: Subject) -> str:
    """What the rows teach, as far as there are rows that can."""
    lines = []
    for question in subject.questions:
        left = _best_of(rows, question.left)
        right = _best_of(rows, question.right)
        if left is None or right is None:
            continue
        mean, error = left.score.less(right.score)
        answer = question.level
        if _differs(mean, error):
            answer = question.above if mean > 0 else question.below
        lines.append(
            f"{question.title}: {left.name} {left.score.value:.3f}, "
            f"{right.name} {right.score.value:.3f}, a difference of "
            f"{mean:+.3f} with a standard error of {error:.3f}: {answer}."
        )
    return _paragraphs([*lines, *_head_room(rows, subject)])


def _head_room(rows: Sequence[Told], subject: Subject) -> list[str]:
    """How much of what there was to gain each row that learns has gained."""
    told, rule = _best_of(rows, TOLD), _best_of(rows, RULE)
    if told is None or rule is None:
        return []
    room, error = told.score.less(rule.score)
    if not _differs(room, error) or room < 0:
        return [
            f"Head-room: {told.name} is not above {rule.name}, so that there "
            "is nothing to decide that this test can tell."
        ]
    shares = [
        f"{row.name} {(row.score.value - rule.score.value) / room:.2f}"
        for row in rows
        if row.family == LEARNED
    ]
    if not shares:
        return []
    return [
        f"Head-room: {told.name} is told {subject.truth} and has {room:+.3f} "
        f"over {rule.name}; of that recovered: {', '.join(shares)}."
    ]


def decisions_text(decided: Mapping[str, Actions], groups: Groups) -> str:
    """How much each policy tunes for each group of users.

    Args:
      decided: actions of the test users by policy.
      groups: of all users; if one of them is wanted, it should be tuned.
    """
    lines = []
    for name, actions in decided.items():
        rates = actions.rates_by_group(groups)
        told = [
            f"{rate.mean():.2f} for {group}" for group, rate in rates.items()
        ]
        text = f"{name} tunes a share of {listed(told)} users' blocks"
        values = actions.block_aucs(groups)
        if values:
            best = int(np.argmax(values))
            text += (
                f"; block {best + 1} tells them apart best, with "
                + _auc_text(values[best])
            )
            if len(values) > 1:
                each = ", ".join(f"{value:.3f}" for value in values)
                text += f", of all blocks {each}"
        lines.append(f"{text}.")
    return _paragraphs(lines)


def weights_text(decided: Mapping[str, BehaviorWeights], groups: Groups) -> str:
    """How much the behaviors of each group count.

    Args:
      decided: weights of the test users' behaviors by meta-learner.
      groups: of all source items; if one of them is wanted, behaviors on its
        items should count, and others not.
    """
    lines = []
    for name, weights in decided.items():
        means = weights.means_by_group(groups)
        told = [f"{mean:.2f} for {group}" for group, mean in means.items()]
        text = (
            f"{name} gives a mean weight of {listed(told)} behaviors, where 1 "
            "is the average behavior's"
        )
        value = weights.auc_of(groups)
        if value is not None:
            text += f"; the weights tell them apart with {_auc_text(value)}"
        lines.append(f"{text}.")
    return _paragraphs(lines)


def _auc_text(value: float) -> str:
    return f"an AUC of {value:.3f} (0.5 is by chance, 1 without a mistake)"


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


def _best_of(rows: Sequence[Told], family: str) -> Told | None:
    known = [row for row in rows if row.family == family]
    return max(known, key=lambda row: row.score.value, default=None)


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
