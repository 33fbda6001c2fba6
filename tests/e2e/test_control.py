"""Controls that can fail: who should be tuned, and what count, is known."""

import re

import pytest
from running import call_here, metrics

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


@pytest.mark.large
def test_weights_find_what_misleads(tmp_path, monkeypatch, capfd):
    """In one of the worlds in which ten seeds were measured (docs/studies.md).

    A world that is small enough for a quick test is too small to tell.
    """
    code, _, err = call_here(
        *(tmp_path, monkeypatch, capfd, "--preset=planted/bip", "--run=run")
    )
    assert code == 0, err
    found = metrics(tmp_path / "run")["behaviors"]
    assert found["auc"] >= 0.9
    assert found["by_group"]["helpful"] > 3 * found["by_group"]["harmful"]
