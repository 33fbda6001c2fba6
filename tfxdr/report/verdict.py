"""Why a model is below what only counts, in one sentence that can be acted on.

A model that loses to popularity or item-kNN has learned nothing that was worth
its training; its history and the size of the data mostly say why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from tfxdr.registry.metric_names import rising
from tfxdr.report.table import Row, metric_title

_FEW_PER_ITEM = 3.0  # training instances of a target item, on average
_FEW_VALIDATED = 300
_STILL_FALLING = 0.02  # of the loss, from the best epoch to the last
_MOVED = 0.05  # of the loss, from the first epoch to the last


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a run says of itself.

    Attributes:
      losses: of the training, by epoch.
      best_epoch: that was kept, from 1.
      limit: `--epochs`.
      collapsed: all users get the same actions of a policy that is to decide.
      training: instances.
      validation: instances.
      items: of the target domain.
      labels_alone: what is judged is a ranking, and the run has learned from
        labels of what users have met alone.
    """

    losses: Sequence[float]
    best_epoch: int
    limit: int
    collapsed: bool
    training: int
    validation: int
    items: int
    labels_alone: bool = False

    @property
    def ran_out(self) -> bool:
        """Whether the last epochs that were allowed were the best."""
        epochs = len(self.losses)
        return epochs >= self.limit and self.best_epoch > 0.8 * epochs

    @property
    def loss_still_fell(self) -> bool:
        best = self.losses[self.best_epoch - 1]
        return self.losses[-1] < (1 - _STILL_FALLING) * best

    @property
    def loss_moved(self) -> bool:
        return self.losses[-1] < (1 - _MOVED) * self.losses[0]


def verdict(
    row: Row, baselines: Sequence[Row], metric: str, evidence: Evidence
) -> str | None:
    """What is wrong with a run; `None` if it is above all baselines.

    Args:
      row: of the run.
      baselines: what only counts.
      metric: that is compared, of the test split.
      evidence: what the run says of itself.
    """
    better = _better(row.metrics, baselines, metric)
    if better is None:
        return None
    reasons = [text(evidence) for holds, text in _REASONS if holds(evidence)]
    if not reasons:
        reasons = [
            "its training shows no reason: search for another --learning_rate "
            "or --loss, or compare other policies"
        ]
    values = f"{row.metrics[metric]:.4f} against {better.metrics[metric]:.4f}"
    return (
        f"{row.name} is below {better.name} ({metric_title(metric)} {values}): "
        + "; ".join(reasons)
    )


def _better(
    metrics: Mapping[str, float], baselines: Sequence[Row], metric: str
) -> Row | None:
    """The best of the baselines that are above."""

    def height(values: Mapping[str, float]) -> float:
        return rising(metric, values[metric])

    known = [b for b in baselines if metric in b.metrics]
    best = max(known, key=lambda b: height(b.metrics), default=None)
    if best is None or metric not in metrics:
        return None
    return best if height(best.metrics) > height(metrics) else None


_REASONS: tuple[
    tuple[Callable[[Evidence], bool], Callable[[Evidence], str]], ...
] = (
    (
        lambda e: e.collapsed,
        lambda e: "the policy has collapsed, and all users get the same",
    ),
    (
        lambda e: e.labels_alone,
        lambda e: (
            "it has learned from rated pairs alone, which say nothing of what "
            "users have not rated: raise --joint_negatives, now 0"
        ),
    ),
    (
        lambda e: e.training < _FEW_PER_ITEM * e.items,
        lambda e: (
            f"too few targets: {e.training:,} training items, "
            f"{e.training / e.items:.1f} of each target item, so that "
            "counting them is hard to beat"
        ),
    ),
    (
        lambda e: e.validation < _FEW_VALIDATED,
        lambda e: (
            f"validation has {e.validation:,} items, too few to pick an "
            "epoch by: raise its share in --split_fractions"
        ),
    ),
    (
        lambda e: e.ran_out,
        lambda e: (
            "it was still getting better when its epochs ended: raise "
            f"--epochs, now {e.limit}"
        ),
    ),
    (
        lambda e: not e.ran_out and e.loss_still_fell,
        lambda e: (
            f"it overfits: after epoch {e.best_epoch} the training loss "
            "fell on, and validation got no better; lower --learning_rate, "
            "or raise --weight_decay"
        ),
    ),
    (
        lambda e: len(e.losses) > 1 and not e.loss_moved,
        lambda e: (
            f"the training loss hardly moved, from {e.losses[0]:.4g} to "
            f"{e.losses[-1]:.4g}: raise --learning_rate"
        ),
    ),
)
