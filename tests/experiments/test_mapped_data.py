"""--in_memory changes where data lie, and no metric."""

import numpy as np
import pytest

import tfxdr
from tfxdr import main
from tfxdr.data import storage
from tfxdr.data.splits import TRAIN
from tfxdr.files import read_json
from tfxdr.ops import mapped
from tfxdr.policies.item_knn import ItemKnn
from tfxdr.policies.popularity import Popularity

pytestmark = pytest.mark.usefixtures("in_place")

OPTIONS = {
    "dataset": "synthetic(users=150)",
    "backbone": "nextitnet(channels=8,dilations=[1,2])",
    "policy": "all",
    "pretrain_epochs": 1,
    "pretrain_length": 5,
    "pretrain_windows": True,
    "pretrain_split": "leave-one-out",
    "pretrain_mask_seen": True,
    "epochs": 1,
    "eval_negatives": 5,
    "train_fraction": 0.7,
    "batch_size": 16,
    "loss": "bpr",
}


def metrics_of(place, monkeypatch, in_memory):
    """Of a run and its pre-training, and whether anything was mapped."""
    maps = []
    beside = mapped.beside

    def watched(*arguments):
        maps.append(mapped.is_mapped(found := beside(*arguments)))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(mapped, "beside", watched)
        patched.setattr(mapped, "SMALLEST", 0)
        patched.setattr(mapped, "PART", 500)
        run = tfxdr.run(
            **OPTIONS,
            in_memory=in_memory,
            cache_dir=f"{place}/cache",
            run=f"{place}/run",
        )
    found = read_json(run.folder / "metrics.json")
    stages = [
        {name: value for name, value in part.items() if "seconds" not in name}
        for part in (found["pretrain"], found["validation"], found["test"])
    ]
    return stages, any(maps)


def test_the_same_to_the_last_digit(monkeypatch, tmp_path):
    held = metrics_of(tmp_path / "held", monkeypatch, "true")
    found = metrics_of(tmp_path / "mapped", monkeypatch, "false")
    assert found[:-1] == held[:-1]
    assert (held[-1], found[-1]) == (False, True)


@pytest.mark.parametrize("baseline", [ItemKnn(), Popularity()])
def test_baselines_count_the_same(monkeypatch, tmp_path, baseline):
    data = tfxdr.prepare("synthetic(users=60)", cache_dir=tmp_path)
    monkeypatch.setattr(mapped, "PART", 100)
    monkeypatch.setattr(mapped, "SMALLEST", 0)
    scores = []
    for choice in ("true", "false"):
        data.keep(choice)
        users = data.users()
        score = baseline.fit(
            users.history,
            users.targets(TRAIN),
            data.num_source_items,
            data.num_target_items,
        )
        scores.append(score(users.history.pad_left()))
    assert np.ptp(scores[0]) > 0
    np.testing.assert_array_equal(*scores)


MANIFEST = {
    "counts": {"source_events": 1000, "target_instances": 100},
    "columns": {
        "history_time": True,
        "history_rating": False,
        "target_time": True,
        "target_rating": True,
    },
}


def test_bytes_of_the_columns():
    assert storage.column_bytes(MANIFEST) == 1000 * 12 + 100 * 17


@pytest.mark.parametrize("free, held", [(109_600, True), (109_599, False)])
def test_auto_asks_how_much_is_free(monkeypatch, free, held):
    monkeypatch.setattr(storage, "free_bytes", lambda: free)
    assert storage.is_held("auto", MANIFEST) == held
    assert storage.is_held("true", MANIFEST)
    assert not storage.is_held("false", MANIFEST)


def test_free_memory_is_known_here():
    free = storage.free_bytes()
    assert free is not None and 0 < free < 2**50


_VERSIONS = pytest.mark.parametrize(
    "folder, limit, used, cached",
    [
        ("", "memory.max", "memory.current", "inactive_file"),
        (
            "memory",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    ],
)


@pytest.fixture
def own_group(monkeypatch, tmp_path):
    """Says which control group this process is in, of those under a folder."""
    own = tmp_path / "own"
    monkeypatch.setattr(storage, "_CGROUP", tmp_path)
    monkeypatch.setattr(storage, "_OWN_GROUPS", own)
    return own.write_text


def _write_group(place, limit, used, cached, values):
    place.mkdir(parents=True, exist_ok=True)
    for name, value in zip((limit, used), values, strict=True):
        (place / name).write_text(f"{value}\n")
    (place / "memory.stat").write_text(f"cache 9\n{cached} 400\n")


@_VERSIONS
def test_a_group_and_those_above_it_have_limits(
    own_group, tmp_path, folder, limit, used, cached
):
    own_group(f"7:pids:/no\n4:{folder}:/jobs/mine\n")
    files = (limit, used, cached)
    jobs = tmp_path / folder / "jobs"
    _write_group(jobs, *files, (9000, 1000))
    _write_group(jobs / "mine", *files, (5000, 3000))
    _write_group(jobs / "other", *files, (1000, 1000))
    assert storage.free_bytes() == 2400
    _write_group(jobs, *files, (9000, 8000))
    assert storage.free_bytes() == 1400
    _write_group(jobs / "mine", *files, ("max", 3000))
    assert storage.free_bytes() == 1400


@_VERSIONS
def test_a_container_has_a_limit_of_its_own(
    own_group, tmp_path, folder, limit, used, cached
):
    # As a container that sees the path outside of it in /proc.
    own_group(f"4:{folder}:/outside/it\n")
    place = tmp_path / folder
    _write_group(place, limit, used, cached, (5000, 3000))
    assert storage.free_bytes() == 2400
    (place / limit).write_text("max\n")
    assert storage.free_bytes() > 5000


def test_users_are_read_again_when_they_are_to_lie_elsewhere(tmp_path):
    data = tfxdr.prepare("synthetic(users=60)", cache_dir=tmp_path)
    before = data.users()
    assert data.keep("true") and data.users() is before
    assert not data.keep("false")
    found = data.users()
    assert mapped.is_mapped(found.history.values)
    np.testing.assert_array_equal(found.history.values, before.history.values)


def test_joint_models_hold_their_data(capsys):
    argv = ["--backbone=conet", "--in_memory=false", "--dataset=planted"]
    assert main.main(argv) == 1
    assert "--in_memory=false means nothing with" in capsys.readouterr().err
