"""Which users are held out, and what a cached backbone depends on."""

import dataclasses

import numpy as np
import pytest

import tfxdr.backbones  # noqa: F401
from tfxdr.data.ragged import Ragged
from tfxdr.errors import InputError
from tfxdr.registry import backbones
from tfxdr.training import pretraining
from tfxdr.training.progress import Progress

HISTORY = Ragged.from_rows(
    [[2, 3, 4], [], [5], *[[i, i + 1] for i in range(2, 20)]]
)
SETTINGS = pretraining.PretrainSettings(
    epochs=2,
    patience=2,
    batch_size=8,
    learning_rate=0.01,
    loss="softmax",
    num_sampled=10,
    validation=0.2,
    seed=0,
)
BACKBONE = backbones.parse("nextitnet(channels=4,dilations=[1,2])")


def run(
    folder,
    settings=SETTINGS,
    backbone=BACKBONE,
    fingerprint="data",
    history=HISTORY,
):
    return pretraining.pretrain(
        history,
        fingerprint=fingerprint,
        num_items=22,
        backbone=backbone,
        settings=settings,
        cache_dir=folder / "cache",
        run_folder=folder / "run",
        resume=False,
        checkpoint_seconds=60,
        progress=Progress(),
    )


def rows(ragged):
    return sorted(tuple(row) for row in ragged)


def test_held_out_users_are_not_trained_on():
    training, validation = pretraining._hold_out(HISTORY, 0.2, seed=0)
    usable = [tuple(row) for row in HISTORY if len(row) >= 2]
    assert len(validation) == 4  # of 19
    assert rows(training) + rows(validation) != rows(HISTORY)
    assert sorted(rows(training) + rows(validation)) == sorted(usable)
    again = pretraining._hold_out(HISTORY, 0.2, seed=0)
    other = pretraining._hold_out(HISTORY, 0.2, seed=1)
    assert rows(again[1]) == rows(validation) != rows(other[1])


def test_a_tiny_share_still_holds_one_out():
    _, validation = pretraining._hold_out(HISTORY, 0.001, seed=0)
    assert len(validation) == 1


def test_split_last():
    history, last = pretraining._split_last(
        Ragged.from_rows([[2, 3, 4], [5, 6]])
    )
    assert rows(history) == [(2, 3), (5,)]
    assert rows(last) == [(4,), (6,)]


def test_too_few_histories_are_an_error():
    with pytest.raises(InputError, match=r"two users.*found 1"):
        pretraining._hold_out(Ragged.from_rows([[2, 3], [4]]), 0.5, seed=0)


def test_the_second_time_it_is_found(tmp_path):
    first, second = run(tmp_path), run(tmp_path)
    assert not first.cached
    assert second.cached
    assert second.metrics == first.metrics
    assert {"loss", "validation_loss", "hr@5", "ndcg@10"} <= set(first.metrics)
    tower = BACKBONE.build(num_items=22)
    second.restore(tower)
    other = BACKBONE.build(num_items=22)
    first.restore(other)
    for a, b in zip(tower.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_changes_the_weights_changes_the_folder(tmp_path):
    first = run(tmp_path)
    others = [
        run(tmp_path, dataclasses.replace(SETTINGS, seed=1)),
        run(tmp_path, dataclasses.replace(SETTINGS, learning_rate=0.02)),
        run(tmp_path, fingerprint="other"),
        run(
            tmp_path,
            backbone=backbones.parse("nextitnet(channels=5,dilations=[1,2])"),
        ),
    ]
    folders = {first.folder, *(other.folder for other in others)}
    assert len(folders) == 5


def test_damaged_weights_name_the_folder_to_delete(tmp_path):
    pretrained = run(tmp_path)
    for path in (pretrained.folder / "weights").iterdir():
        path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match=f"delete {pretrained.folder} to"):
        run(tmp_path).restore(BACKBONE.build(num_items=22))


def test_the_sampled_softmax_learns_too(tmp_path):
    settings = dataclasses.replace(SETTINGS, loss="sampled_softmax", epochs=8)
    many = Ragged.from_rows([[i, i + 1] for i in range(2, 20)] * 20)
    metrics = run(tmp_path, settings, history=many).metrics
    assert metrics["validation_loss"] < 0.5 * np.log(20)
