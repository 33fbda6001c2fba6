"""Metrics against another library's, on the same rankings."""

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, Success, nDCG

from tfxdr.evaluation.metrics import PER_INSTANCE, ranking_metrics

ITEMS = 40


@pytest.fixture
def ranks():
    return np.random.default_rng(5).integers(1, ITEMS + 1, 300)


def judged(ranks):
    """Every instance as a query with one relevant item, at its rank."""
    answers, scores = [], []
    for query, rank in enumerate(ranks):
        answers.append(ir_measures.Qrel(str(query), f"i{rank}", 1))
        scores += [
            ir_measures.ScoredDoc(str(query), f"i{place}", -float(place))
            for place in range(1, ITEMS + 1)
        ]
    return answers, scores


@pytest.mark.parametrize("n", [1, 5, 10])
def test_metrics_are_those_of_ir_measures(ranks, n):
    measures = {"hr": Success @ n, "mrr": RR @ n, "ndcg": nDCG @ n}
    found = ranking_metrics(ranks, [n])
    other = ir_measures.calc_aggregate(measures.values(), *judged(ranks))
    for name, measure in measures.items():
        assert found[f"{name}@{n}"] == pytest.approx(other[measure], abs=1e-6)


def test_single_values_are_those_of_ir_measures(ranks):
    measures = {"hr": Success @ 5, "mrr": RR @ 5, "ndcg": nDCG @ 5}
    for name, measure in measures.items():
        of_query = {
            int(one.query_id): one.value
            for one in ir_measures.iter_calc([measure], *judged(ranks))
        }
        own = PER_INSTANCE[name](ranks, 5)
        other = [of_query[query] for query in range(len(ranks))]
        np.testing.assert_allclose(own, other, atol=1e-6)
