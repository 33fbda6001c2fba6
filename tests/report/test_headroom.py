"""The verdict on a router, in words."""

import numpy as np
import pytest

from tfxdr.evaluation.comparison import Method, judge
from tfxdr.report.headroom import has_room, remarks

USERS = np.arange(200)


def method(name, values):
    means = {"ndcg@5": float(values.mean())}
    return Method(name, [0], [name], means, {}, {"ndcg@5": values})


@pytest.mark.parametrize(("gain", "room"), [(0.2, True), (0.0, False)])
def test_a_router_has_room_if_it_is_above_both(gain, room):
    random = np.random.default_rng(0)
    low, high = random.random(200), random.random(200) + 0.1
    methods = [
        method("cls", low),
        method("all", high),
        method("ensemble", low / 2 + high / 2),
        method("router", high + gain * random.integers(0, 2, 200)),
    ]
    found = remarks(
        judge(methods, ["ndcg@5"], "all", USERS),
        share=0.25,
        best={"ndcg@5": 0.75},
    )
    assert has_room(found) == room
    verdict, how, hindsight = found.remarks
    begin = "There is something" if room else "There is nothing"
    assert verdict.startswith(f"{begin} to route between cls and all")
    assert "against all alone" in verdict
    assert "sends 25% of the test users to all" in how
    assert "NDCG@5 0.7500" in hindsight and "no estimate" in hindsight


def test_a_router_that_is_worse_has_no_room():
    random = np.random.default_rng(0)
    high = random.random(200)
    methods = [
        method("cls", high - 0.2),
        method("all", high),
        method("ensemble", high),
        method("router", high - random.random(200)),
    ]
    assert not has_room(judge(methods, ["ndcg@5"], "all", USERS))
