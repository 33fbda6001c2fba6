"""What is held out and how it is ranked; what a cache depends on."""

import csv
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.backbones  # noqa: F401
from tfxdr.errors import InputError
from tfxdr.models.pretrain import PretrainModel
from tfxdr.ops.ragged import Ragged
from tfxdr.options.groups import PRETRAIN_MONITORS
from tfxdr.registry import backbones
from tfxdr.training import loop, pretraining
from tfxdr.training.checkpoint import restore_variables
from tfxdr.training.fit import checkpoints
from tfxdr.training.pretrain_split import (
    hold_users_out,
    leave_one_out,
    split_last,
)
from tfxdr.training.pretrain_stage import LastItems, PretrainStage
from tfxdr.training.progress import Progress, StageLine

HISTORY = Ragged.from_rows(
    [[2, 3, 4], [], [5], *[[i, i + 1] for i in range(2, 20)]]
)
SETTINGS = pretraining.PretrainSettings(
    epochs=2,
    patience=2,
    batch_size=8,
    learning_rate=0.01,
    schedule="constant",
    loss="softmax",
    num_sampled=10,
    length=0,
    windows=False,
    split="users",
    validation=0.2,
    monitor="validation_loss",
    mask_seen=False,
    seed=0,
)
LEAVE_ONE_OUT = dataclasses.replace(SETTINGS, split="leave-one-out")
LONGER = Ragged.from_rows([[i, i + 1, i + 2, i + 3] for i in range(2, 18)])
BACKBONE = backbones.parse("nextitnet(channels=4,dilations=[1,2])")


def run(
    folder,
    settings=SETTINGS,
    backbone=BACKBONE,
    fingerprint="data",
    history=HISTORY,
    resume=False,
):
    return pretraining.pretrain(
        history,
        fingerprint=fingerprint,
        num_items=22,
        backbone=backbone,
        settings=settings,
        cache_dir=folder / "cache",
        run_folder=folder / "run",
        resume=resume,
        checkpoint_seconds=60,
        progress=Progress(),
    )


def rows(ragged):
    return sorted(tuple(row) for row in ragged)


def test_held_out_users_are_not_trained_on():
    split = hold_users_out(HISTORY, 0.2, seed=0)
    training, validation = split.training, split.validation
    usable = [tuple(row) for row in HISTORY if len(row) >= 2]
    assert len(validation) == 4  # of 19
    assert split.test is None
    assert rows(training) + rows(validation) != rows(HISTORY)
    assert sorted(rows(training) + rows(validation)) == sorted(usable)
    again = hold_users_out(HISTORY, 0.2, seed=0).validation
    other = hold_users_out(HISTORY, 0.2, seed=1).validation
    assert rows(again) == rows(validation) != rows(other)


def test_a_tiny_share_still_holds_one_out():
    split = hold_users_out(HISTORY, 0.001, seed=0)
    assert len(split.validation) == 1


def test_split_last():
    history, last = split_last(Ragged.from_rows([[2, 3, 4], [5, 6]]))
    assert rows(history) == [(2, 3), (5,)]
    assert rows(last) == [(4,), (6,)]


def test_too_few_histories_are_an_error():
    with pytest.raises(InputError, match=r"two users.*found 1"):
        hold_users_out(Ragged.from_rows([[2, 3], [4]]), 0.5, seed=0)


def test_leave_one_out_by_hand():
    split = leave_one_out(
        Ragged.from_rows(
            [[2, 3, 4, 5, 6], [], [7], [8, 9], [10, 11, 12], [13, 14, 15, 16]]
        )
    )
    # Three items leave one to train on, which predicts nothing.
    assert list(map(tuple, split.training)) == [(2, 3, 4), (8, 9), (13, 14)]
    assert list(map(tuple, split.validation)) == [
        (2, 3, 4, 5),
        (10, 11),
        (13, 14, 15),
    ]
    assert split.test is not None
    assert list(map(tuple, split.test)) == [
        (2, 3, 4, 5, 6),
        (10, 11, 12),
        (13, 14, 15, 16),
    ]


@pytest.mark.parametrize("history", [[[2, 3, 4]] * 9, [[2, 3]] * 9])
def test_too_short_histories_are_an_error(history):
    with pytest.raises(InputError, match="no user has the four source items"):
        leave_one_out(Ragged.from_rows(history))


class LowerIsBetter(PretrainModel):
    """Scores item i with -i."""

    def __init__(self):
        super().__init__(BACKBONE.build(num_items=12), 12)

    def call(self, history):
        scores = -tf.range(12, dtype=tf.float32)
        return tf.tile(scores[tf.newaxis], [tf.shape(history)[0], 1])


def judged(**options):
    model = LowerIsBetter()
    rows = Ragged.from_rows([[2, 4, 7], [3, 5, 2, 8, 5]])
    options = {"length": 0, "mask_seen": False} | options
    return LastItems(model, rows, batch_size=4, **options).judge()


def test_the_last_item_is_ranked_among_all():
    loss, metrics = judged()
    # 7 comes sixth of 2, 3, 4, 5, 6, 7; 5 comes fourth.
    assert metrics["mrr@10"] == pytest.approx((1 / 6 + 1 / 4) / 2)
    assert metrics["hr@5"] == 0.5
    logits = -np.arange(2, 12.0)
    expected = np.log(np.exp(logits).sum()) + (7 + 5) / 2
    assert loss == pytest.approx(expected, rel=1e-5)


def test_seen_items_do_not_compete_if_asked():
    # Without 2, 4: 7 comes fourth. Without 3, 2, 8: 5 is seen too, and is
    # still ranked: after 4 alone.
    assert judged(mask_seen=True)[1]["mrr@10"] == pytest.approx(
        (1 / 4 + 1 / 2) / 2
    )
    # What a prediction does not read was seen all the same.
    assert judged(mask_seen=True, length=1) == judged(mask_seen=True)


def test_length_bounds_what_a_prediction_reads():
    asked = []

    class Asked(LowerIsBetter):
        def call(self, history):
            tf.py_function(
                lambda h: asked.append(h.numpy().tolist()), [history], []
            )
            return super().call(history)

    rows = Ragged.from_rows([[2, 4, 7], [3, 5, 2, 8, 5], [6, 9]])
    LastItems(Asked(), rows, batch_size=4, length=2, mask_seen=False).judge()
    assert asked == [[[2, 4], [2, 8], [0, 6]]]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[1, 2, 3, 4, 5], [6, 7]]),
        ({"length": 2}, [[3, 4, 5], [6, 7]]),
        ({"length": 2, "windows": True}, [[1, 2, 3], [3, 4, 5], [6, 7]]),
    ],
)
def test_what_of_a_history_is_trained_on(options, expected):
    history = Ragged.from_rows([[1, 2, 3, 4, 5], [6, 7]])
    settings = dataclasses.replace(SETTINGS, **options)
    found = pretraining._cut(history, settings)
    assert [row.tolist() for row in found] == expected


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


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("constant", [1, 1, 1, 1]),
        ("linear", [7 / 8, 5 / 8, 3 / 8, 1 / 8]),
        ("cosine", [(1 + np.cos(np.pi * k / 8)) / 2 for k in (1, 3, 5, 7)]),
    ],
)
def test_the_rate_falls_over_all_epochs(tmp_path, schedule, shares):
    # An epoch has two steps and logs the rate of its last, so of 1, 3, 5, 7.
    longer = dataclasses.replace(SETTINGS, epochs=4, patience=4)
    run(tmp_path, dataclasses.replace(longer, schedule=schedule))
    with (tmp_path / "run" / "history.csv").open(newline="") as file:
        found = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(found, 0.01 * np.array(shares), rtol=1e-5)


def test_what_changes_the_weights_changes_the_folder(tmp_path):
    untrained = dataclasses.replace(SETTINGS, epochs=0)  # quick
    first = run(tmp_path, untrained)
    others = [
        run(tmp_path, dataclasses.replace(untrained, seed=1)),
        run(tmp_path, dataclasses.replace(untrained, learning_rate=0.02)),
        run(tmp_path, dataclasses.replace(untrained, schedule="linear")),
        run(tmp_path, dataclasses.replace(untrained, monitor="hr@5")),
        run(tmp_path, dataclasses.replace(untrained, mask_seen=True)),
        run(tmp_path, dataclasses.replace(untrained, length=1)),
        run(tmp_path, dataclasses.replace(untrained, length=1, windows=True)),
        run(
            tmp_path,
            dataclasses.replace(LEAVE_ONE_OUT, epochs=0),
            history=LONGER,
        ),
        run(tmp_path, untrained, fingerprint="other"),
        run(
            tmp_path,
            untrained,
            backbone=backbones.parse("nextitnet(channels=5,dilations=[1,2])"),
        ),
    ]
    folders = {first.folder, *(other.folder for other in others)}
    assert len(folders) == 11


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


def test_leave_one_out_gives_the_metrics_of_a_test(tmp_path):
    settings = dataclasses.replace(
        LEAVE_ONE_OUT, monitor="ndcg@10", epochs=3, patience=3
    )
    found = run(tmp_path, settings, history=LONGER)
    assert {"validation_loss", "ndcg@10", "test/ndcg@10", "test/hr@5"} <= set(
        found.metrics
    )
    assert found.metrics["test/seconds"] > 0
    again = run(tmp_path, settings, history=LONGER)
    assert again.cached
    assert again.metrics == found.metrics
    # The test is that of the weights that were kept.
    model = PretrainModel(BACKBONE.build(num_items=22), 22)
    model(tf.zeros([1, 1], tf.int32))
    restore_variables(
        found.folder / "weights",
        tf.train.Checkpoint(backbone=model.backbone, head=model.head),
        remedy="",
    )
    _, metrics = LastItems(
        model, LONGER, batch_size=8, length=0, mask_seen=False
    ).judge()
    assert metrics == {
        key.removeprefix("test/"): value
        for key, value in found.metrics.items()
        if key.startswith("test/") and "@" in key
    }


def test_held_out_items_do_not_change_the_weights(tmp_path):
    """The last two items of a user are for judging alone."""
    settings = dataclasses.replace(LEAVE_ONE_OUT, epochs=1)
    others = Ragged.from_rows([[*row[:2], 21, 20] for row in LONGER])
    kernels = []
    for name, history in (("a", LONGER), ("b", others)):
        tower = BACKBONE.build(num_items=22)
        run(tmp_path / name, settings, history=history).restore(tower)
        kernels.append(tower.get_weights())
    for a, b in zip(*kernels, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_monitor_that_can_be_chosen_is_measured(tmp_path):
    for name, settings in (("a", SETTINGS), ("b", LEAVE_ONE_OUT)):
        metrics = run(tmp_path / name, settings, history=LONGER).metrics
        assert set(PRETRAIN_MONITORS) <= set(metrics)


def interrupt(line, epoch, metrics):
    raise KeyboardInterrupt


def test_a_stopped_run_ends_with_the_same_metrics(tmp_path, monkeypatch):
    settings = dataclasses.replace(LEAVE_ONE_OUT, monitor="mrr@5", epochs=3)
    whole = run(tmp_path / "whole", settings, history=LONGER)
    with monkeypatch.context() as patch:
        patch.setattr(StageLine, "epoch_done", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "a", settings, history=LONGER)
    resumed = run(tmp_path / "a", settings, history=LONGER, resume=True)
    assert not resumed.cached
    for key in whole.metrics.keys() - {"seconds", "test/seconds"}:
        assert resumed.metrics[key] == whole.metrics[key], key


def test_a_run_that_was_killed_after_pretraining_knows_its_own(tmp_path):
    first = run(tmp_path)
    left = checkpoints(tmp_path / "run", "pretrain") / "0"
    left.mkdir(parents=True)  # SIGKILL came before it was deleted
    again = run(tmp_path, resume=True)
    assert not again.cached
    assert again.metrics == first.metrics
    assert not left.exists()
    (tmp_path / "run" / "history.csv").unlink()
    assert run(tmp_path, resume=True).cached  # of another run


def test_a_step_is_traced_once_whatever_a_batch_holds(tmp_path, monkeypatch):
    """15 histories of different lengths: the last batch is a short one."""
    shapes, traces = set(), []
    original = loop.Loop._train_step

    def step(self, batch):
        traces.append(batch.history.shape)
        return original(self, batch)

    def seen(self, batch):
        shapes.add(tuple(batch.history.shape))

    monkeypatch.setattr(loop.Loop, "_train_step", step)
    monkeypatch.setattr(PretrainStage, "after_step", seen)
    history = Ragged.from_rows([list(range(2, 4 + i)) for i in range(18)])
    run(tmp_path, history=history)
    assert len(traces) == 1
    assert len(shapes) > 2
