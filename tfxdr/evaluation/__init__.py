"""How well a scorer answers, and what its policy decides."""

from tfxdr.evaluation.actions import (
    Actions,
    action_metrics,
    collapse_warning,
    collect_actions,
)
from tfxdr.evaluation.behaviors import (
    BehaviorWeights,
    behavior_metrics,
    equal_weights,
)
from tfxdr.evaluation.binary import (
    Probabilities,
    auc,
    binary_metrics,
    log_loss,
)
from tfxdr.evaluation.classification import (
    Classifier,
    Predictions,
    accuracy,
    classification_metrics,
    macro_f1,
)
from tfxdr.evaluation.metrics import hit_ratio, mrr, ndcg, ranking_metrics
from tfxdr.evaluation.ranker import Ranker
from tfxdr.evaluation.ranking import Ranking

__all__ = [
    "Actions",
    "BehaviorWeights",
    "Classifier",
    "Predictions",
    "Probabilities",
    "Ranker",
    "Ranking",
    "accuracy",
    "action_metrics",
    "auc",
    "behavior_metrics",
    "binary_metrics",
    "classification_metrics",
    "collapse_warning",
    "collect_actions",
    "equal_weights",
    "hit_ratio",
    "log_loss",
    "macro_f1",
    "mrr",
    "ndcg",
    "ranking_metrics",
]
