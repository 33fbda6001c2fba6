"""What metrics are called, and whether more of one is better.

A metric of ranking is called `hr@5`, and `hr@5/uni99` where it was judged
against 99 sampled negatives; all others have plain names, and those of
`--class_metrics` may have options: `fbeta(beta=2.0)`.

Standard library only: options name metrics before TensorFlow loads.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tfxdr.registry.kinds import class_metrics

RANKING_METRICS = ("hr", "mrr", "ndcg")
BINARY_METRICS = ("auc", "log_loss")  # of joint models
CLASS_METRICS = ("accuracy", "macro_f1")  # of `--task=profile`

_FALLING = ("loss", "error")  # how the names of what should fall end


class MetricName(NamedTuple):
    """The parts of a metric's name.

    Attributes:
      metric: `hr`, or a plain name as it is.
      cutoff: `5` of `hr@5`, else empty.
      sampling: `uni99` of `hr@5/uni99`, else empty.
    """

    metric: str
    cutoff: str = ""
    sampling: str = ""


def ranking_metric(metric: str, n: int, num_negatives: int = 0) -> str:
    """`hr@5`, or `hr@5/uni99` when 99 negatives were sampled."""
    suffix = f"/uni{num_negatives}" if num_negatives else ""
    return f"{metric}@{n}{suffix}"


def parse(name: str) -> MetricName:
    """Takes a name apart; `ranking_metric` puts it together."""
    if "(" in name:  # options may hold anything
        return MetricName(name)
    name, _, sampling = name.partition("/")
    metric, _, cutoff = name.partition("@")
    return MetricName(metric, cutoff, sampling)


def is_ranking(name: str) -> bool:
    """Whether it judges an order of items."""
    return parse(name).metric in RANKING_METRICS


def at_cutoff(names: Iterable[str], n: int) -> list[str]:
    """Those with this cutoff, and those that have none."""
    return [name for name in names if parse(name).cutoff in ("", str(n))]


def rising(name: str, value: float) -> float:
    """A metric's value, turned so that more is better."""
    return -value if falls(name) else value


def falls(name: str) -> bool:
    """Whether less of a metric is better.

    A class metric may say so itself: what is registered has an attribute
    `lower_is_better`. Else less is better of what is called a loss or an
    error: `validation_loss`, `hamming-loss`, `mean_squared_error`.
    """
    metric = parse(name).metric.partition("(")[0]
    if metric in class_metrics:
        said = getattr(
            class_metrics.entry(metric).factory, "lower_is_better", None
        )
        if said is not None:
            return bool(said)
    return metric.lower().endswith(_FALLING)
