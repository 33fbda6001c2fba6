"""How well a scorer ranks what was held out."""

from tfxdr.evaluation.metrics import hit_ratio, mrr, ndcg, ranking_metrics
from tfxdr.evaluation.ranker import Ranker
from tfxdr.evaluation.ranking import Ranking

__all__ = [
    "Ranker",
    "Ranking",
    "hit_ratio",
    "mrr",
    "ndcg",
    "ranking_metrics",
]
