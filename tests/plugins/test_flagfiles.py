"""Every example's flagfile trains, from the root of the repository."""

from __future__ import annotations

import csv
import importlib.util
import pathlib

import pytest

from tfxdr import main, options
from tfxdr.registry.spec_text import split_specs

ROOT = pathlib.Path(__file__).parents[2]
FLAGFILES = sorted((ROOT / "plugins").glob("*.flags"))
TINY = [
    "--pretrain_epochs=1",
    "--epochs=1",
    "--backbone=nextitnet(channels=4,dilations=[1,2,4,8])",
]
PLANTED = "--dataset=planted-policies(users=300)"
SYNTHETIC = "--dataset=synthetic(users=200,source_items=60,target_items=120)"


def test_each_example_has_one():
    examples = {path.stem for path in (ROOT / "plugins").glob("*.py")}
    assert {path.stem for path in FLAGFILES} == examples


@pytest.mark.parametrize("path", FLAGFILES, ids=lambda path: path.stem)
def test_flagfile_runs(path, tmp_path, monkeypatch, capfd):
    if path.stem.startswith("sparsemax"):
        if importlib.util.find_spec("tensorflow_addons") is None:
            pytest.skip("only the addons stack has tensorflow-addons")
    monkeypatch.chdir(ROOT)
    flags = [f"--flagfile={path.relative_to(ROOT)}"]
    parsed = options.parse(["tfxdr", *flags])
    tiny = list(TINY)
    if "running-mean" in parsed.model.backbone:
        tiny[-1] = "--backbone=running-mean(channels=4)"
    if parsed.data.dataset == "synthetic":
        tiny.append(SYNTHETIC)
    elif parsed.data.dataset.startswith("planted-policies"):
        tiny.append(PLANTED)
    policy = split_specs(parsed.model.policy)[-1]  # one is enough to train
    tiny += [f"--policy={policy}", f"--run={tmp_path / 'run'}"]
    flags += [*tiny, f"--cache_dir={tmp_path}"]
    assert main.main(["tfxdr", *flags]) == 0, capfd.readouterr().err
    # Where a long name has a label, files keep the name.
    with (tmp_path / "run" / "results.csv").open(encoding="utf-8") as file:
        names = [row["policy"] for row in csv.DictReader(file)]
    assert any(name.startswith(policy) for name in names)
