"""What would stop an export at a run's end stops the run at its start."""

import sys
import types

import pytest
from running import SMALL, call_here

JOINT = [
    "--dataset=planted(users=80,source_items=100,target_items=40)",
    "--split=leave-one-out",
    "--backbone=conet(hidden=[8,4])",
]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ["--export_retrieval=faiss"],
            ["--export_retrieval=faiss: exp", 'pip install "tfxdr[faiss]"'],
        ),
        (
            ["--export_retrieval=scann"],
            ["--export_retrieval=scann: exp", "install scann"],
        ),
        (["--export_dir=file"], ["--export_dir=file: expected a folder"]),
        (["--export_dir=file/x"], ["--export_dir", "Not a directory"]),
        (["--export_dir=read-only/x"], ["--export_dir", "Permission denied"]),
        (["--min_recall=1.5"], ["--min_recall", "1.5"]),
    ],
)
def test_what_an_export_lacks_is_found_before_data_are_prepared(
    tmp_path, read_only, monkeypatch, capfd, flags, words
):
    for package in ("faiss", "scann"):
        monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / "file").touch()
    flags = [*SMALL, "--run=run", "--export_dir=never", *flags]
    code, out, err = call_here(tmp_path, monkeypatch, capfd, *flags)
    assert code == 1
    assert all(word in err for word in words), err
    assert "preparing" not in out
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {"file", "read-only"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--exclude_history"], ["--exclude_history", "share none"]),
        (["--refresh_candidates=gone"], ["--refresh_candidates=gone"]),
        (
            ["--export_retrieval=scann", "--k_max=41"],
            ["expected 41 candidates or more (--k_max=41), found 40"],
        ),
        (
            ["--export_retrieval=scann", "--exclude_history"],
            ["--exclude_history"],
        ),
        (["--policy=popularity"], ["--policy=popularity counts and trains no"]),
        (
            [*JOINT, "--export_retrieval=faiss"],
            ["--export_retrieval=faiss", "drop the option"],
        ),
        ([*JOINT, "--exclude_history"], ["--exclude_history", "drop the opt"]),
    ],
)
def test_what_cannot_be_exported_is_found_before_it_is_trained(
    tmp_path, monkeypatch, capfd, flags, words
):
    for package in ("faiss", "scann"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    flags = flags if flags[0] in JOINT else [*SMALL, *flags]
    flags = [*flags, "--run=run", "--export_dir=never"]
    code, out, err = call_here(tmp_path, monkeypatch, capfd, *flags)
    assert code == 1
    assert all(word in err for word in words), err
    assert "epoch" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
