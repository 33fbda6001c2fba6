"""What metrics are called, and which of them should fall."""

from __future__ import annotations

import pytest

from tfxdr import registry
from tfxdr.registry.metric_names import MetricName, falls, parse, ranking_metric


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("hr@5", ("hr", "5", "")),
        ("ndcg@10/uni99", ("ndcg", "10", "uni99")),
        ("log_loss", ("log_loss", "", "")),
        ("fbeta(beta=2.0)", ("fbeta(beta=2.0)", "", "")),
        ("f(file='a@b/c')", ("f(file='a@b/c')", "", "")),
    ],
)
def test_parts_of_a_name(name, parts):
    assert parse(name) == MetricName(*parts)


def test_puts_the_names_of_ranking_together():
    assert ranking_metric("mrr", 5) == "mrr@5"
    assert ranking_metric("mrr", 5, 99) == "mrr@5/uni99"
    assert parse(ranking_metric("hr", 20, 7)) == ("hr", "20", "uni7")


@pytest.mark.parametrize(
    "name",
    [
        "loss",
        "validation_loss",
        "log_loss",
        "source_log_loss",
        "hamming-loss",
        "hamming-loss(threshold=0.5)",
        "mean_squared_error",
        "top-error",
        "logloss",
    ],
)
def test_losses_and_errors_fall(name):
    assert falls(name)


@pytest.mark.parametrize(
    "name",
    [
        *("hr@5", "mrr@5/uni99", "ndcg@10", "auc", "source_auc"),
        *("accuracy", "macro_f1", "fbeta(of='log_loss')", "lossless"),
    ],
)
def test_all_others_rise(name):
    assert not falls(name)


def test_a_class_metric_may_say_so_itself(registries):
    class Brier:
        """Named as no loss is."""

        lower_is_better = True

        def __init__(self, num_classes, scale=1.0):
            """Takes what a metric takes."""

    def gain_on_loss(num_classes):
        """Named as a loss is."""

    gain_on_loss.lower_is_better = False
    registry.class_metrics.register("brier", Brier)
    registry.class_metrics.register("gain-on-loss", gain_on_loss)
    assert falls("brier")
    assert falls("brier(scale=2.0)")
    assert not falls("gain-on-loss")
