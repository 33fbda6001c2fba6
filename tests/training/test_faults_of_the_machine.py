"""What becomes of a training whose machine does something odd."""

import itertools
import os
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf
from toy_loop import Stage, make, read, without_time

from tfxdr import main
from tfxdr.errors import InputError, TrainingError
from tfxdr.evaluation.arrays import save_arrays
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.report.figures import Figure, save_figure
from tfxdr.report.tensorboard import write_hparams, write_images
from tfxdr.training.checkpoint import save_variables
from tfxdr.training.cost import enough_memory


@pytest.fixture(scope="module")
def too_large():
    """TensorFlow's own error, before which it waits for ten seconds."""
    with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
        tf.zeros([1 << 41])
    return caught.value


class TestOutOfMemory:
    @pytest.mark.parametrize(
        "stage, option",
        [
            ("pretrain", "--pretrain_batch_size"),
            ("finetune", "--targets_per_user"),
            ("joint", "--batch_size"),
            ("evaluate", "--eval_batch_size"),
        ],
    )
    def test_a_tensor_and_what_lowers_it(self, too_large, stage, option):
        with pytest.raises(TrainingError) as caught, enough_memory(stage):
            raise too_large
        text = str(caught.value)
        assert text.startswith(f"{stage}: out of memory (shape[2199023255552]")
        assert option in text and "--in_memory=false" in text
        assert "\n" not in text and "/job" not in text

    def test_an_array(self):
        with pytest.raises(TrainingError) as caught, enough_memory("evaluate"):
            np.empty(1 << 50)
        assert "evaluate: out of memory (allocate 8.00 PiB" in str(caught.value)

    def test_what_asked_is_not_always_known(self):
        with pytest.raises(TrainingError) as caught, enough_memory("model"):
            raise MemoryError
        assert "model: out of memory; lower the backbone's" in str(caught.value)

    def test_elsewhere_it_is_one_sentence_too(self, monkeypatch, capsys):
        monkeypatch.setattr(main, "dispatch", lambda _: np.empty(1 << 50))
        assert main.main(["--mode=prepare"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: out of memory (Unable to allocate 8.00")
        assert "--in_memory=false" in line


class TestClock:
    def test_one_that_is_set_back_changes_nothing(self, tmp_path, monkeypatch):
        expected = make(tmp_path / "whole", Stage()).run(resume=False)
        back = itertools.count(2e9, -3600).__next__
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", back)
            metrics = make(tmp_path / "odd", Stage(), seconds=0).run(
                resume=False
            )
        assert without_time(metrics) == without_time(expected)
        assert read(tmp_path / "odd") == read(tmp_path / "whole")
        assert 0 <= metrics["seconds"] < 600

    def test_the_newest_checkpoint_is_the_last_one_written(self, tmp_path):
        expected = make(tmp_path / "whole", Stage()).run(resume=False)
        cut = tmp_path / "cut"
        with pytest.raises(KeyboardInterrupt):
            make(cut, Stage(stop_at=11), seconds=0).run(resume=False)
        before, newest = sorted(
            (cut / "checkpoints").iterdir(), key=lambda path: int(path.name)
        )
        os.utime(before, (2e9, 2e9))
        os.utime(newest, (1, 1))
        stage = Stage()
        epoch, asked = stage.batches.epoch, []
        stage.batches.epoch = lambda *at: (asked.append(at), epoch(*at))[1]
        metrics = make(cut, stage).run(resume=True)
        assert asked[0] == (2, 3)  # step 11 of epochs of 4
        assert without_time(metrics) == without_time(expected)


class TestFolder:
    def test_one_that_is_removed_stops_the_training(self, tmp_path):
        folder, stage = tmp_path / "run", Stage()
        validate, done = stage.validate, []

        def removing():
            done.append(shutil.rmtree(folder))
            return validate()

        stage.validate = removing
        with pytest.raises(InputError, match="removed or moved while it went"):
            make(folder, stage).run(resume=False)
        assert len(done) == 1
        assert not list(folder.glob("checkpoints/*"))

    def test_nothing_of_one_that_is_removed_is_made_again(self, tmp_path):
        held, stage = RunFolder(tmp_path / "run"), Stage()
        validate, done = stage.validate, []

        def removing():
            done.append(shutil.rmtree(held.path))
            return validate()

        stage.validate = removing
        with held.held():
            held.flags.touch()
            with pytest.raises(InputError, match="run was removed or moved"):
                make(held.path, stage).run(resume=False)
            assert len(done) == 1 and not list(tmp_path.iterdir())
            for write in (
                lambda: write_hparams(held.path / "tensorboard", {}, {}),
                lambda: write_images(
                    held.path / "tensorboard", {"a": Figure()}
                ),
                lambda: save_arrays(held.path / "ranks.npz", rank=[1]),
                lambda: save_figure(Figure(), held.path / "curves.png"),
                lambda: save_variables(
                    held.weights, tf.train.Checkpoint(model=stage.model)
                ),
            ):
                with pytest.raises(InputError, match="run was removed or mov"):
                    write()
        assert not list(tmp_path.iterdir())
