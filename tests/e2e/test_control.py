"""A control that can fail: who should be tuned is known."""

import re

from running import call_here

from tfxdr.datasets.planted_policies import PlantedPolicies, best_hit_rates

WORLD = {"users": 4000, "length": 20, "targets": 4}


def test_a_policy_finds_who_should_be_tuned(tmp_path, monkeypatch, capfd):
    """In the demo's world it beats what any rule for all could reach."""
    code, out, err = call_here(
        tmp_path,
        monkeypatch,
        capfd,
        *("--preset=demo", "--policy=gumbel", "--epochs=4"),
    )
    assert code == 0, err
    text = " ".join(out.split())
    (reached,) = re.findall(r"\| gumbel \| ([0-9.]+)", text)
    ceiling = best_hit_rates(PlantedPolicies(**WORLD, seed=0))["unknown"]
    assert float(reached) > ceiling + 0.05
    (auc,) = re.findall(r"gumbel tunes .*? AUC of ([0-9.]+)", text)
    assert float(auc) >= 0.9
