"""Two finished runs, together and by turns: what is reported and refused."""

import numpy as np
import pytest

import tfxdr
from tfxdr import main
from tfxdr.errors import InputError
from tfxdr.experiments import findings, headroom
from tfxdr.types import FIRST_ITEM

OPTIONS = {
    "backbone": "nextitnet(channels=8,dilations=[1,2])",
    "policy": ["cls", "all", "gumbel", "popularity"],
    "policy_network": "nextitnet(dilations=[1,2])",
    "pretrain_epochs": 1,
    "epochs": 1,
}

pytestmark = pytest.mark.usefixtures("in_place")


@pytest.fixture(scope="module")
def run(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        data = "synthetic(users=200,source_items=50,target_items=40)"
        return tfxdr.run(data, **OPTIONS)


@pytest.fixture(scope="module")
def found(run, place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return tfxdr.headroom([run["cls"], run["all"]])


def test_both_runs_are_beside_their_ensemble_and_the_router(run, found):
    names = [method.name for method in found.methods]
    assert names == ["cls", "all", "ensemble", "router"]
    assert found.metrics == ["hr@5", "mrr@5", "ndcg@5"]
    for name in ("cls", "all"):
        (method,) = (m for m in found.methods if m.name == name)
        for metric in found.metrics:
            assert method.metrics[metric] == pytest.approx(
                run[name].metrics[metric]
            )
    better = max(("cls", "all"), key=lambda n: run[n].metrics["ndcg@5"])
    assert found.baseline == better and len(found.pairs) == 9


def test_the_router_gives_each_user_one_of_the_two_runs(found):
    one, other, _, routed = (
        method.values["ndcg@5"] for method in found.methods
    )
    assert ((routed == one) | (routed == other)).all()


def test_the_end_of_a_run_says_it_and_who_has_collapsed(run, found, place):
    (verdict,) = (x for x in run.findings if "to route between cls" in x)
    assert verdict == found.remarks[0] and verdict in repr(run)
    collapsed = run["gumbel"].result["actions"]["collapsed"]
    begin = "gumbel has collapsed" if collapsed else "gumbel has not collapsed"
    (told,) = (x for x in run.findings if x.startswith("gumbel"))
    assert told.startswith(begin)
    text = (run.folder / "results.md").read_text()
    assert all(line in text for line in run.findings)


def test_the_command_prints_and_writes_it(run, found, capfd, place):
    runs = f"--run={run['cls'].folder},{run['all'].folder}"
    assert main.main(["--mode=headroom", runs, "--output=h.md"]) == 0
    out = capfd.readouterr().out
    assert repr(found) in out and "comparison: h.md" in out
    text = (place / "h.md").read_text()
    assert all(f"\n{line}\n" in text for line in found.remarks)
    assert "chance alone lifts it above both" in text


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cls"], "expected two finished runs with a comma"),
        (["cls", "all", "gumbel"], "found 3"),
        (["cls", "popularity"], "popularity cannot be routed to: expected"),
    ],
)
def test_what_cannot_be_routed_between_is_refused(run, names, message):
    with pytest.raises(InputError, match=message):
        tfxdr.headroom([run[name] for name in names])


def test_the_ensemble_is_the_mean_of_probabilities():
    random = np.random.default_rng(0)
    logits = random.normal(scale=9, size=(2, 3, 7)).astype(np.float32)
    mixed = headroom._mixed(lambda _: logits[0], lambda _: logits[1])
    powers = np.exp(logits[..., FIRST_ITEM:].astype(np.float64))
    mean = (powers / powers.sum(axis=-1, keepdims=True)).mean(axis=0)
    found = mixed(np.zeros((3, 1), np.int32)).numpy()[:, FIRST_ITEM:]
    np.testing.assert_allclose(np.exp(found) / 2, mean, rtol=1e-4)


class Folder:
    def __init__(self, **result):
        self.read = lambda: result


@pytest.mark.parametrize(
    ("room", "reason"),
    [
        (None, "--policy=cls,all beside it would tell"),
        (True, "it has missed what there was to route"),
        (False, "no router found anything to route either"),
    ],
)
def test_a_collapse_is_told_with_its_reason(room, reason, monkeypatch):
    monkeypatch.setattr(findings, "has_room", bool)
    folders = {"soft": Folder(actions={"collapsed": True}), "all": Folder()}
    (told,) = findings._deciding(folders, room)
    assert told.startswith("soft has collapsed") and reason in told
