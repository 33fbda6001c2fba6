"""Stopping, resuming and what a loop leaves behind."""

import numpy as np
import pytest
import tensorflow as tf
from toy_loop import Line, Stage, Steps, make, read, without_time

from tfxdr.errors import InputError, TrainingError
from tfxdr.registry import optimizers
from tfxdr.training.checkpoint import CheckpointFolder


@pytest.mark.parametrize("stop_at", range(1, 20, 3))
def test_an_interrupted_loop_ends_with_the_same_numbers(tmp_path, stop_at):
    whole = Stage()
    expected = make(tmp_path / "whole", whole).run(resume=False)

    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        make(cut, Stage(stop_at=stop_at)).run(resume=False)
    resumed = Stage()
    metrics = make(cut, resumed).run(resume=True)

    assert without_time(metrics) == without_time(expected)
    assert resumed.model.weight.numpy() == whole.model.weight.numpy()
    assert read(cut) == read(tmp_path / "whole")


def test_a_killed_loop_resumes_from_its_last_checkpoint(tmp_path):
    class Killed(BaseException):
        pass

    expected = make(tmp_path / "whole", Stage()).run(resume=False)
    stage = Stage()
    stage.batches = Steps(10, Killed)
    with pytest.raises(Killed):
        make(tmp_path / "cut", stage, seconds=0).run(resume=False)
    metrics = make(tmp_path / "cut", Stage()).run(resume=True)
    assert without_time(metrics) == without_time(expected)


def test_an_interrupted_validation_loses_no_step(tmp_path):
    expected = make(tmp_path / "whole", Stage()).run(resume=False)
    stage = Stage()

    def interrupted():
        raise KeyboardInterrupt

    stage.validate = interrupted
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "cut", stage).run(resume=False)
    stage = Stage()
    steps = stage.batches.epoch
    asked = []
    stage.batches.epoch = lambda *at: (asked.append(at), steps(*at))[1]
    metrics = make(tmp_path / "cut", stage).run(resume=True)
    assert asked[0] == (0, 4)
    assert without_time(metrics) == without_time(expected)


def test_a_loop_that_had_stopped_early_trains_no_more(tmp_path):
    stage = Stage(metrics=[0.3, 0.2, 0.1, 0.9])
    first = make(tmp_path, stage, patience=2).run(resume=False)
    again = Stage(metrics=[])
    again.batches.epoch = None
    second = make(tmp_path, again, patience=2).run(resume=True)
    assert second == first
    assert first["epochs"] == 3
    assert again.model.weight.numpy() == stage.model.weight.numpy()


def test_without_resume_it_starts_anew(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, Stage(stop_at=9)).run(resume=False)
    again = make(tmp_path, Stage()).run(resume=False)
    expected = make(tmp_path / "whole", Stage()).run(resume=False)
    assert without_time(again) == without_time(expected)
    assert [row["epoch"] for row in read(tmp_path)] == list("12345")


def test_patience_and_best_weights(tmp_path):
    stage = Stage(metrics=[0.1, 0.3, 0.2, 0.3, 0.1, 0.9])
    loop = make(tmp_path, stage, epochs=6, patience=3)
    kept = []
    close = loop._close_epoch
    loop._close_epoch = lambda m: (
        kept.append(stage.model.weight.numpy()),
        close(m),
    )
    metrics = loop.run(resume=False)
    assert metrics["best_epoch"] == 2
    assert metrics["epochs"] == 5
    assert metrics["hr@5"] == pytest.approx(0.3)
    assert stage.model.weight.numpy() == kept[1]


def test_the_last_weights_are_asked_before_the_best_come_back(tmp_path):
    """Of a run that goes on, too, though it had ended."""
    asked = []

    class Asking(Stage):
        def end(self):
            asked.append(float(self.model.weight))

    for resume in (False, True):
        stage = Asking(metrics=[0.1, 0.3, 0.2])
        loop = make(tmp_path, stage, epochs=3)
        assert loop.run(resume=resume)["best_epoch"] == 2
        assert float(stage.model.weight) != asked[-1]
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "monitor",
    ["validation_loss", "log_loss", "hamming-loss", "top-error(k=3)"],
)
def test_a_loss_is_monitored_downwards(tmp_path, monitor):
    stage = Stage()
    values = [3.0, 1.0, 2.0]
    stage.validate = lambda: {monitor: values.pop(0)}
    loop = make(tmp_path, stage, epochs=3, monitor=monitor)
    assert loop.run(resume=False)["best_epoch"] == 2


def test_a_loss_that_is_not_finite_stops_with_its_step(tmp_path):
    loop = make(tmp_path, Stage(poison=6), seconds=0)
    with pytest.raises(TrainingError, match=r"step 3 of epoch 2.*slope"):
        loop.run(resume=False)
    saved = CheckpointFolder(
        tmp_path / "checkpoints", loop.checkpoints.checkpoint
    )
    assert saved.restore(print)
    assert np.isfinite(loop.stage.model.weight.numpy())


def test_a_gradient_that_is_not_finite_is_not_saved(tmp_path):
    stage = Stage()

    @tf.custom_gradient
    def kinked(loss, bad):
        """The loss itself, with a gradient of NaN where it is bad."""
        nan = tf.constant(float("nan"))
        return loss, lambda upstream: (tf.where(bad, nan, upstream), None)

    class Kink(Line):
        def batch_loss(self, seed):
            loss, count = super().batch_loss(seed)
            return kinked(loss, seed[1] == 3), count  # epoch 1's last step

    stage.model = Kink()
    with pytest.raises(TrainingError, match=r"gradient.*step 4 of epoch 1"):
        make(tmp_path, stage).run(resume=False)
    assert not (tmp_path / "checkpoints").exists()


def test_checkpoints_write_tensorboard_and_history(tmp_path):
    make(tmp_path, Stage(), epochs=2).run(resume=False)
    events = list((tmp_path / "tensorboard" / "toy").glob("events*"))
    assert events
    from tensorboard.backend.event_processing import event_accumulator

    log = event_accumulator.EventAccumulator(str(events[0].parent))
    log.Reload()
    tags = set(log.Tags()["tensors"])
    assert {"loss", "hr@5", "learning_rate"} <= tags


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path, monkeypatch):
    loop = make(tmp_path, Stage())

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"disk .*full"):
        loop.run(resume=False)
    left = [p.name for p in tmp_path.rglob("*") if p.is_file()]
    assert not [name for name in left if "partial" in name or "tmp" in name]


class Recorder(tf.keras.callbacks.Callback):
    """Keeps what it is told, and stops training where it should."""

    def __init__(self, stop_after=-1):
        super().__init__()
        self.told = []
        self.stop_after = stop_after

    def on_train_begin(self, logs=None):
        self.told.append(("train", self.params["epochs"]))

    def on_epoch_begin(self, epoch, logs=None):
        self.told.append(("epoch", epoch))

    def on_train_batch_end(self, batch, logs=None):
        self.told.append(("batch", batch, sorted(logs)))

    def on_test_end(self, logs=None):
        self.told.append(("test", sorted(logs)))

    def on_epoch_end(self, epoch, logs=None):
        self.told.append(("epoch ends", epoch, sorted(logs)))
        self.model.stop_training = epoch == self.stop_after

    def on_train_end(self, logs=None):
        self.told.append(("train ends",))


def test_callbacks_are_told_of_everything_and_change_nothing(tmp_path):
    recorder = Recorder()
    found = make(tmp_path, Stage(), epochs=2, callbacks=[recorder]).run(
        resume=False
    )
    epochs = [
        [
            ("epoch", epoch),
            *(("batch", step, ["loss"]) for step in range(4)),
            ("test", ["hr@5"]),
            ("epoch ends", epoch, ["hr@5", "loss"]),
        ]
        for epoch in range(2)
    ]
    assert recorder.told == [("train", 2), *sum(epochs, []), ("train ends",)]
    alone = make(tmp_path / "alone", Stage(), epochs=2).run(resume=False)
    assert without_time(found) == without_time(alone)


def test_a_callback_stops_training_and_resuming_respects_it(tmp_path):
    stage = Stage()
    found = make(tmp_path, stage, callbacks=[Recorder(1)]).run(resume=False)
    assert found["epochs"] == 2
    again = Stage()
    again.batches.epoch = None
    assert make(tmp_path, again).run(resume=True) == found


def test_a_callback_stops_training_within_an_epoch(tmp_path):
    class Stop(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    stage = Stage()
    loop = make(tmp_path, stage, callbacks=[Stop()])
    steps = loop.parameters.groups[0][0].iterations
    assert loop.run(resume=False)["epochs"] == 1
    assert int(steps) == 2


class Doubling(tf.Module):
    """SGD that is judged by twice its variables."""

    def __init__(self, learning_rate):
        super().__init__()
        self.sgd = tf.keras.optimizers.SGD(learning_rate)
        self.learning_rate = 0.1

    def build(self, variables):
        self.sgd.build(variables)

    def apply_gradients(self, pairs):
        self.sgd.apply_gradients(pairs)

    def averages(self, variables):
        return [2 * variable for variable in variables]


def test_averages_are_judged_and_kept_and_training_goes_on(tmp_path):
    values = []

    class Judged(Stage):
        def validate(self):
            values.append(float(self.model.weight))
            return {"hr@5": float(len(values))}

    optimizers.register(
        "doubling", lambda learning_rate, weight_decay: Doubling(learning_rate)
    )
    try:
        stage, plain = Judged(), Judged()
        make(tmp_path, stage, optimizer="doubling").run(resume=False)
        judged = list(values)
        make(tmp_path / "plain", plain, optimizer="sgd").run(resume=False)
    finally:
        del optimizers._entries["doubling"]
    trained = values[len(judged) :]
    np.testing.assert_allclose(judged, 2 * np.array(trained), rtol=1e-6)
    assert float(stage.model.weight) == judged[-1]


def test_a_stage_says_one_line_and_leaves_the_rest_to_its_history(
    tmp_path, capsys
):
    stage = Stage(metrics=[0.1, 0.3, 0.2])
    make(tmp_path, stage, epochs=3).run(resume=False)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("toy: 3 epochs, hr@5 0.3000 in epoch 2, ")
    assert len(read(tmp_path)) == 3
