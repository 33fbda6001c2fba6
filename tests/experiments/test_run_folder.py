"""Who may write into a run folder."""

import errno
import os
import shutil
import subprocess
import sys

import pytest

from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.run_names import folder_names
from tfxdr.registry import Registry, Spec

FLAGS = (
    "# Run\n--seed=1\n--threads=2\n"
    "--split_seed=0\n--head_start=random\n--policy_standardize=false\n"
    "--policy_start=0.5\n--policy_decay=0.0\n"
    "--policy_embedding=trained\n--policy_retrain=false\n--meta_retrain=false\n"
    "--joint_negatives=0\n--joint_start=random\n"
    "--policy=all\n"
)


def start(folder, flags=FLAGS, resume=False, overwrite=False):
    said = []
    folder.start(flags, resume=resume, overwrite=overwrite, say=said.append)
    return said


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    start(folder)
    return folder


def test_it_holds_the_flags(folder):
    assert folder.flags.read_text() == FLAGS
    assert not folder.finished


def test_a_run_is_not_started_twice(folder):
    with pytest.raises(InputError, match="an unfinished run: pass --resume"):
        start(folder)
    folder.finish({"test": {}})
    with pytest.raises(InputError, match="a finished run: pass --resume"):
        start(folder)


def test_resume_wants_the_same_options(folder):
    assert start(folder, FLAGS.replace("threads=2", "threads=1"), True) == []
    with pytest.raises(InputError, match=r"--policy=cls \(was all\)"):
        start(folder, FLAGS.replace("=all", "=cls"), resume=True)
    with pytest.raises(InputError, match=r"--new=1 \(was None\)"):
        start(folder, FLAGS + "--new=1\n", resume=True)


def test_resume_says_when_there_is_nothing(tmp_path):
    folder = RunFolder(tmp_path / "typo")
    (said,) = start(folder, resume=True)
    assert "holds no run to resume" in said
    assert folder.flags.is_file()


def test_overwrite_replaces_a_run(folder):
    folder.finish({"test": {}})
    (folder.path / "old").write_text("")
    start(folder, overwrite=True)
    assert [p.name for p in folder.path.iterdir()] == ["options.flags"]
    assert [p.name for p in folder.path.parent.iterdir()] == ["run"]


def test_resume_and_overwrite_contradict_each_other(folder):
    with pytest.raises(InputError, match="pass one of the two"):
        start(folder, resume=True, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_files_are_left_alone(tmp_path, overwrite):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="holds files but no run"):
        start(RunFolder(tmp_path), overwrite=overwrite)
    with pytest.raises(InputError, match="is a file"):
        start(RunFolder(tmp_path / "thesis.tex"), overwrite=overwrite)
    assert (tmp_path / "thesis.tex").exists()


def test_what_a_killed_process_was_writing_is_no_obstacle(tmp_path):
    (tmp_path / ".options.flags.123.tmp").write_text("--se")
    folder = RunFolder(tmp_path)
    start(folder)
    assert folder.flags.read_text() == FLAGS


def test_reading_an_unfinished_run(folder):
    with pytest.raises(InputError, match="no finished run.*--resume"):
        folder.read()
    folder.finish({"test": {"hr@5": 0.5}})
    assert folder.read() == {"test": {"hr@5": 0.5}}
    with pytest.raises(InputError, match="holds the runs run: set --run"):
        RunFolder(folder.path.parent).read()


def test_a_folder_that_was_removed_under_a_run_is_no_run(folder):
    folder.flags.unlink()
    with pytest.raises(InputError, match="removed or moved while it went on"):
        folder.finish({"test": {"hr@5": 0.5}})
    assert not folder.finished


def test_a_read_only_place_says_which_flag_chooses_another(
    tmp_path, monkeypatch
):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(InputError, match=r"cannot be written.*--run"):
        start(RunFolder(tmp_path / "run"))
    assert not list(tmp_path.iterdir())


def test_an_option_that_did_not_exist_yet_had_its_default(folder):
    assert start(folder, FLAGS + "--tuner=copy\n", resume=True) == []
    with pytest.raises(InputError, match=r"--tuner=adapter \(was copy\)"):
        start(folder, FLAGS + "--tuner=adapter\n", resume=True)


def test_components_have_folders_of_their_own():
    kind = Registry("policy")
    specs = [
        Spec(kind, "mix", {"of": text}) for text in ("a b", "a/b", "A/B", "ab")
    ]
    names = list(folder_names(specs).values())
    assert len({name.lower() for name in names}) == 4
    assert names[3] == "mix_of=ab_"
    assert names == list(folder_names(specs).values())
    assert folder_names(specs[:1]) == {specs[0]: "mix_of=_a_b__"}


class TestLock:
    def test_one_process_at_a_time(self, folder):
        with folder.held():
            with pytest.raises(InputError, match=r"in use by process \d+ on"):
                with folder.held():
                    pass
            start(folder, resume=True)
        with folder.held():
            pass
        assert [p.name for p in folder.path.iterdir()] == ["options.flags"]

    def test_overwriting_keeps_it(self, folder):
        with folder.held():
            start(folder, overwrite=True)
            with pytest.raises(InputError, match="in use"):
                with folder.held():
                    pass

    def test_what_a_dead_process_held_is_free(self, folder):
        (folder.path / ".lock").write_text("process 1 on another")
        with folder.held():
            pass

    def test_nothing_is_left_of_a_folder_that_was_not_used(self, tmp_path):
        folder = RunFolder(tmp_path / "deep" / "run")
        with pytest.raises(RuntimeError), folder.held():
            raise RuntimeError
        assert not folder.path.exists()

    def test_another_process(self, folder):
        code = (
            "import pathlib\n"
            "from tfxdr.experiments.run_folder import RunFolder\n"
            f"with RunFolder(pathlib.Path({str(folder.path)!r})).held():\n"
            "    print('held', flush=True); input()"
        )
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        ) as process:
            process.stdout.readline()
            with pytest.raises(InputError, match=f"process {process.pid} on"):
                with folder.held():
                    pass
            process.kill()
        with folder.held():
            pass


class TestMore:
    FLAGS = FLAGS + "--epochs=2\n--patience=1\n--lr_schedule={}\n"

    @pytest.fixture
    def finished(self, tmp_path):
        def make(schedule="constant", trained=True, epochs=2):
            folder = RunFolder(tmp_path / "run")
            flags = self.FLAGS.format(schedule)
            start(folder, flags)
            (folder.checkpoints / "finetune").mkdir(parents=True)
            done = {"validation": {"epochs": epochs}} if trained else {}
            folder.finish({"test": {}} | done)
            return folder, flags

        return make

    def test_a_finished_run_goes_on(self, finished):
        folder, flags = finished()
        more = flags.replace("epochs=2", "epochs=3")
        start(folder, more, resume=True)
        assert not folder.finished
        assert folder.flags.read_text() == more
        assert folder.checkpoints.is_dir()

    def test_what_stopped_of_itself_is_said(self, finished):
        folder, flags = finished(epochs=1)
        (said,) = start(folder, flags.replace("epochs=2", "epochs=3"), True)
        assert "stopped after epoch 1 of itself" in said
        assert "--patience" in said

    def test_as_many_as_before_is_the_same_run(self, finished):
        folder, flags = finished()
        start(folder, flags, resume=True)
        assert folder.finished

    def test_what_counts_has_no_epochs(self, finished):
        folder, flags = finished(trained=False)
        start(folder, flags.replace("epochs=2", "epochs=3"), resume=True)
        assert folder.finished

    @pytest.mark.parametrize("epochs", ["1", "0"])
    def test_fewer_is_another_run(self, finished, epochs):
        folder, flags = finished()
        with pytest.raises(InputError, match=rf"--epochs={epochs} \(was 2\)"):
            start(folder, flags.replace("epochs=2", f"epochs={epochs}"), True)
        assert folder.finished

    def test_a_schedule_over_all_epochs_cannot(self, finished):
        folder, flags = finished("cosine")
        with pytest.raises(InputError, match="--lr_schedule=cosine.*overwrite"):
            start(folder, flags.replace("epochs=2", "epochs=3"), resume=True)
        assert folder.finished
        start(folder, flags.replace("patience=1", "patience=3"), resume=True)
        assert not folder.finished

    def test_without_a_checkpoint_it_cannot(self, finished):
        folder, flags = finished()
        shutil.rmtree(folder.checkpoints)
        with pytest.raises(
            InputError, match=r"no checkpoint.*--epochs=3 \(was 2\).*overwrite"
        ):
            start(folder, flags.replace("epochs=2", "epochs=3"), resume=True)
        assert folder.finished
