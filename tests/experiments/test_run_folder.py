"""Who may write into a run folder."""

import errno
import os

import pytest

from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.run_names import folder_names
from tfxdr.registry import Registry, Spec

FLAGS = "# Run\n--seed=1\n--threads=2\n--policy=all\n"


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
