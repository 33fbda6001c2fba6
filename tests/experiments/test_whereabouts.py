"""A run finds its data from any folder, and after they have moved."""

import dataclasses
import shutil

import pytest

from tfxdr.data.prepare import prepare
from tfxdr.datasets.synthetic import Synthetic
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.whereabouts import Whereabouts, record
from tfxdr.options import Options, groups


def options(cache_dir="cache", **data):
    return Options(
        run=groups.Run(cache_dir=cache_dir), data=groups.Data(**data)
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a run, and the cache of its data and of others."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    made = [
        prepare(
            Synthetic(users=40, source_items=40, target_items=40),
            cache_dir="cache",
            split_seed=seed,
        )
        for seed in (0, 1)
    ]
    folder = RunFolder(home / "runs" / "all-1")
    folder.path.mkdir(parents=True)
    folder.flags.write_text(options().to_flagfile() + record(folder, made[0]))
    return home


def settled(run, chosen=None):
    return Whereabouts.of(RunFolder(run)).settle(chosen or options())


def fingerprint(home):
    return Whereabouts.of(RunFolder(home / "runs" / "all-1")).fingerprint


def test_from_another_folder(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, data = settled(home / "runs" / "all-1")
    assert data.fingerprint == fingerprint(home)
    assert found.run.cache_dir == str(home / "cache")


def test_after_all_has_moved(home, tmp_path, monkeypatch):
    moved = tmp_path / "moved [1]"
    monkeypatch.chdir(tmp_path)
    home.rename(moved)
    found, data = settled(moved / "runs" / "all-1")
    assert data.folder.is_relative_to(moved)
    assert found.run.cache_dir == str(moved / "cache")


def test_after_the_run_alone_has_moved(home, tmp_path):
    run = tmp_path / "elsewhere" / "x"
    shutil.move(home / "runs" / "all-1", run)
    assert settled(run)[1].folder.is_relative_to(home / "cache")


def test_a_cache_that_was_moved_is_given_anew(home, tmp_path):
    (home / "cache").rename(tmp_path / "kept")
    run = home / "runs" / "all-1"
    assert settled(run)[1] is None
    found, data = settled(run, options(str(tmp_path / "kept")))
    assert data.fingerprint == fingerprint(home)
    assert found.run.cache_dir == str(tmp_path / "kept")


def test_the_content_decides_not_the_name(home):
    folder = RunFolder(home / "runs" / "all-1")
    first, second = sorted((home / "cache" / "data").iterdir())
    aside = first.rename(first.with_name("aside"))
    second.rename(first)
    aside.rename(second)
    _, data = settled(folder.path)
    assert data.fingerprint == fingerprint(home)


def test_other_inputs_are_not_looked_for(home):
    run = home / "runs" / "all-1"
    assert settled(run, options(dataset="planted"))[1] is None
    assert settled(run, options(data_path="other"))[1] is None


def test_a_run_of_an_earlier_version_looks_near_itself(home, monkeypatch):
    folder = RunFolder(home / "runs" / "all-1")
    known = fingerprint(home)
    folder.flags.write_text(options().to_flagfile())
    assert settled(folder.path)[1] is None  # it does not know its data
    folder.finish({"data": {"fingerprint": known}})
    monkeypatch.chdir(home.parent)
    assert settled(folder.path)[1].fingerprint == known


def test_what_is_missing_is_named(home):
    known = Whereabouts.of(RunFolder(home / "runs" / "all-1"))
    text = str(known.missing(ValueError("no such file: s.csv")))
    for word in ("s.csv", "--cache_dir", "--data_path", "--dataset", str(home)):
        assert word in text
    assert dataclasses.replace(known, started="").missing(ValueError("x"))
