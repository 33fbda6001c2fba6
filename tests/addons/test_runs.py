"""The pack as a person uses it."""

from __future__ import annotations

import types

import pytest
from running import SMALL, call_here, metrics, rows

pytest.importorskip("tensorflow_addons", reason="only the addons stack has it")

QUICK = [*SMALL, "--pretrain_epochs=1", "--epochs=2"]


def test_averages_are_what_is_tested_and_evaluated(
    tmp_path, monkeypatch, capfd
):
    here = (tmp_path, monkeypatch, capfd)
    flags = ["--policy=cls", "--optimizer=swa(period=3)", "--run=run"]
    code, _, err = call_here(*here, *QUICK, *flags)
    assert code == 0, err
    trained = metrics(tmp_path / "run")["test"]
    code, out, err = call_here(*here, "--mode=evaluate", "--run=run")
    assert code == 0, err
    shown = [f"{trained[key]:.4f}" for key in ("hr@5", "mrr@5", "ndcg@5")]
    (line,) = (line for line in out.splitlines() if "| cls" in line)
    assert all(value in line for value in shown), line


def test_rates_by_group_tqdms_bars_and_time_that_is_up(
    tmp_path, monkeypatch, capfd
):
    clock = types.SimpleNamespace(time=iter(range(0, 90, 5)).__next__)
    monkeypatch.setattr("tensorflow_addons.callbacks.time_stopping.time", clock)
    code, out, err = call_here(
        *(tmp_path, monkeypatch, capfd, *QUICK, "--epochs=9", "--patience=9"),
        *("--policy=gumbel", "--run=run"),
        "--optimizer=multi(pretrained=1e-5,new=1e-3)",
        "--callbacks=progress-bar,time-stopping(seconds=1)",
    )
    assert code == 0, err
    assert "Epoch 1/9" in out and "Epoch 2/9" not in out
    assert "loss: " in err
    assert rows(tmp_path / "run", "finetune") == 1


def test_a_profile_is_judged_by_more_metrics(tmp_path, monkeypatch, capfd):
    flags = [
        *("--task=profile", "--attribute=temper", "--policy=cls"),
        "--class_metrics=f1(average=weighted),cohen-kappa,matthews",
        *("--monitor=cohen-kappa", "--run=run", "--eval_negatives=0"),
    ]
    code, out, err = call_here(tmp_path, monkeypatch, capfd, *QUICK, *flags)
    assert code == 0, err
    found = metrics(tmp_path / "run")
    named = {"f1(average=weighted)", "cohen-kappa", "matthews"}
    assert named <= set(found["test"]) & set(found["validation"])
    assert found["protocol"]["monitor"] == "cohen-kappa"
    assert "cohen-kappa" in out
