"""Every flagfile that is shipped parses and trains."""

import pathlib

import pytest

from tfxdr import main, options
from tfxdr.registry.spec_text import split_specs

_FLAGFILES = sorted(
    (pathlib.Path(__file__).parents[2] / "flags").rglob("*.flags")
)
_TINY = {
    "run": [
        "--backbone=nextitnet(channels=4,dilations=[1,2])",
        "--pretrain_epochs=1",
        "--epochs=1",
    ],
    "joint": ["--epochs=1"],
    # An anchor is about its backbone: that stays, and reads little.
    "pretrain": ["--pretrain_epochs=1", "--pretrain_length=8"],
}
_SYNTHETIC = "--dataset=synthetic(users=200,source_items=60,target_items=120)"
_POLICIES = "--dataset=planted-policies(users=300)"  # with kinds to explain by
_PLANTED = "--dataset=planted(users=80,source_items=100,target_items=120)"


def test_there_are_flagfiles():
    names = {path.name for path in _FLAGFILES}
    assert {"demo.flags", "sasrec.flags"} <= names


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("path", _FLAGFILES, ids=lambda path: path.name)
def test_flagfile_runs(path, tmp_path, monkeypatch, capfd, request, cache):
    monkeypatch.chdir(tmp_path)
    flags = [f"--flagfile={path}", f"--cache_dir={cache}"]
    parsed = options.parse(["tfxdr", *flags])
    joint = parsed.model.backbone.startswith(("conet", "ddtcdr", "mtl"))
    flags += _TINY["joint" if joint else parsed.run.mode]
    if joint:
        flags.append(_PLANTED)
    elif parsed.data.dataset.startswith("movielens"):
        data = request.getfixturevalue("data_root") / "ml-100k"
        flags.append(f"--data_path={data}")
    elif parsed.data.dataset.startswith("planted-policies"):
        flags.append(_POLICIES)
    else:
        flags.append(_SYNTHETIC)
    assert main.main(["tfxdr", *flags]) == 0, capfd.readouterr().err
    out = capfd.readouterr().out
    if parsed.run.mode == "pretrain":
        assert "test/ndcg@10" in out
        return
    compared = parsed.joint.meta if joint else parsed.model.policy
    for name in split_specs(compared):
        assert f"| {name.partition('(')[0]}" in out
