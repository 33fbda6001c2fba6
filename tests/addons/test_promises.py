"""Every component of the pack keeps the promises of its kind."""

from __future__ import annotations

import pytest

from tfxdr import registry
from tfxdr.testing import check_callback, check_class_metric, check_optimizer

pytest.importorskip("tensorflow_addons", reason="only the addons stack has it")

COMPONENTS = {
    check_optimizer: [
        "lamb",
        "radam",
        "lookahead",
        "lookahead(inner=sgd,sync_period=3)",
        "moving-average",
        "moving-average(inner=lamb,start=2)",
        "swa",
        "swa(inner=radam,start=2,period=2)",
        "multi(pretrained=0.05)",
        "multi(pretrained=0.05,new=0.1,inner=radam)",
    ],
    check_callback: ["progress-bar", "time-stopping(seconds=3600)"],
    check_class_metric: [
        "f1",
        "f1(average=micro)",
        "f1(average=weighted)",
        "cohen-kappa",
        "cohen-kappa(weightage=linear)",
        "cohen-kappa(weightage=quadratic)",
        "matthews",
    ],
}


@pytest.mark.parametrize(
    ("check", "text"),
    [
        pytest.param(check, text, id=text)
        for check, texts in COMPONENTS.items()
        for text in texts
    ],
)
def test_promises(check, text):
    check(text)


def test_none_is_left_out():
    registered = {
        entry.name
        for known in registry.ALL
        for entry in known.entries()
        if entry.origin.startswith("addons ")
    }
    texts = [text for texts in COMPONENTS.values() for text in texts]
    assert registered == {text.partition("(")[0] for text in texts}
