"""The program as a person runs it, mistakes included."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest
from running import (
    SMALL,
    call,
    call_here,
    metrics,
    rows,
    start,
)

from tfxdr import modes
from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import RunFolder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with one finished run, `all`, and what it printed."""
    folder = tmp_path_factory.mktemp("finished")
    code, out, err = call(folder, *SMALL, "--run=run")
    assert code == 0, err
    assert not err, "nothing but results should be seen"
    return folder, out


def test_a_run_leaves_all_that_it_promises(finished):
    folder, out = finished
    run = folder / "run"
    names = {path.name for path in run.iterdir()}
    assert names == {
        "options.flags",
        "metrics.json",
        "checkpoints",
        "history.csv",
        "learning_curves.png",
        "ranks.npz",
        "ranks-uni10.npz",
        "results.csv",
        "results.md",
        "tensorboard",
        "weights",
    }
    result = metrics(run)
    assert set(result["test"]) == {
        f"{name}@{n}{suffix}"
        for name in ("hr", "mrr", "ndcg")
        for n in (5, 10)
        for suffix in ("", "/uni10")
    }
    for name in ("popularity", "item-knn", "all"):
        assert name in out
    assert "\x1b" not in out


def test_evaluate_repeats_the_test_metrics(finished, monkeypatch, capfd):
    folder, _ = finished
    flags = ["--mode=evaluate", "--run=run"]
    code, out, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    value = metrics(folder / "run")["test"]["hr@5"]
    assert f"{value:.4f}" in out


@pytest.mark.parametrize("flag", ["--policy=cls", "--pooling=mean", "--seed=3"])
def test_a_trained_model_is_not_taken_for_another(
    finished, monkeypatch, capfd, flag
):
    folder, _ = finished
    flags = ["--mode=evaluate", "--run=run", flag]
    code, _, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 1
    assert f"{flag} (was " in err


def test_evaluate_at_other_cutoffs(finished, monkeypatch, capfd):
    folder, _ = finished
    flags = ["--mode=evaluate", "--run=run", "--top_n=3"]
    code, out, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    assert "HR@3" in out


def test_recommend_for_a_history_and_a_user(finished, monkeypatch, capfd):
    folder, _ = finished
    flags = ["--mode=recommend", "--run=run"]
    code, out, err = call_here(
        folder, monkeypatch, capfd, *flags, "--history=s1,nothing", "--k=3"
    )
    assert code == 0, err
    assert "nothing is not in the source vocabulary" in out
    lines = [line.split() for line in out.splitlines()]
    ranks = [words[0] for words in lines if words and words[0].isdigit()]
    assert ranks == ["1", "2", "3"]
    code, out, err = call_here(
        folder, monkeypatch, capfd, *flags, "--user=nobody"
    )
    assert code == 1
    assert "--user=nobody: no such user" in err


def test_options_flags_replay_the_run(finished, monkeypatch, capfd):
    folder, _ = finished
    flags = ["--flagfile=run/options.flags", "--run=again"]
    code, _, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    again, first = metrics(folder / "again"), metrics(folder / "run")
    assert again["test"] == first["test"]


def test_a_finished_run_is_not_overwritten_silently(
    finished, monkeypatch, capfd
):
    folder, _ = finished
    here = (folder, monkeypatch, capfd)
    code, _, err = call_here(*here, *SMALL, "--run=run")
    assert code == 1
    assert "finished run" in err
    assert "--overwrite" in err
    code, _, err = call_here(
        *here, "--resume", "--run=run", "--learning_rate=0.1"
    )
    assert code == 1
    assert "--learning_rate=0.1 (was 0.005)" in err


def test_several_policies_share_pretraining_and_a_table(
    finished, monkeypatch, capfd
):
    folder, _ = finished
    flags = [*SMALL, "--policy=popularity,zero,cls,last-1", "--run=four"]
    code, out, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    assert out.count("pretrain: found in") == 2
    result = metrics(folder / "four" / "last-1")
    assert result["pretrain"]["cached"]
    assert "pretrain" not in metrics(folder / "four" / "zero")
    table = (folder / "four" / "results.csv").read_text().splitlines()
    names = [line.split(",")[0] for line in table[1:]]
    assert names == ["item-knn", "popularity", "zero", "cls", "last-1"]


@pytest.mark.usefixtures("interruptible")  # the child inherits it
@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGINT, marks=pytest.mark.large), signal.SIGTERM],
)
def test_a_signal_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path, number):
    flags = [*SMALL, "--pretrain_epochs=1", "--epochs=1000", "--run=my run"]
    flags.append("--backbone=nextitnet(channels=4,dilations=[1,2])")
    process = start(tmp_path, *flags)
    end = time.monotonic() + 400
    while rows(tmp_path / "my run", "finetune") < 2:  # one is saved by then
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert "Traceback" not in err
    assert list((tmp_path / "my run/checkpoints/finetune").iterdir())
    (how,) = [line for line in err.splitlines() if "go on with: " in line]
    words = shlex.split(how.partition("go on with: ")[2])
    assert words[:3] == ["python", "-m", "tfxdr.main"]
    epochs = rows(tmp_path / "my run", "finetune")
    process = start(tmp_path, *words[3:])
    while rows(tmp_path / "my run", "finetune") <= epochs:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    process.kill()
    out, _ = process.communicate()
    assert "pretrain epoch" not in out
    assert "finetune epoch   1 " not in out


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("error", [RuntimeError, InputError])
def test_an_error_made_of_control_c_is_control_c(
    tmp_path, monkeypatch, capfd, error
):
    def swallow(_):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise error("of a library") from None

    monkeypatch.setitem(modes._MODES, "list", swallow)
    here = (tmp_path, monkeypatch, capfd)
    code, _, err = call_here(*here, "--mode=list")
    assert code == 130
    assert err.endswith("interrupted; start it again\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_program_is_seen(tmp_path, monkeypatch, capfd):
    def fail(_):
        raise RuntimeError("of ours")

    monkeypatch.setitem(modes._MODES, "list", fail)
    with pytest.raises(RuntimeError, match="of ours"):
        call_here(tmp_path, monkeypatch, capfd, "--mode=list")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--backbone=nextitnt"], ["--backbone", "nextitnet"]),
        (["--policy=al"], ["--policy", "'al'"]),
        (["--policy=last-9"], ["last-9"]),
        (["--backbone=nextitnet(chanels=8)"], ["chanels", "channels"]),
        (["--learning_rate=-1"], ["--learning_rate", "above 0", "-1"]),
        (["--lerning_rate=1"], ["--lerning_rate", "--learning_rate"]),
        (["--dataset=movielens", "--data_path=gone"], ["gone"]),
        (["--mode=evaluate"], ["--run=FOLDER"]),
        (["--mode=evaluate", "--run=gone"], ["gone", "metrics.json"]),
        (["--mode=recommend", "--run=gone"], ["--user=ID"]),
        (["--policy="], ["--policy"]),
        (["--resume", "--overwrite"], ["one of the two"]),
        (["--monitor=auc"], ["--monitor", "mrr@5"]),
        (["--eval_negatives=9999"], ["--eval_negatives"]),
    ],
)
def test_mistakes_get_one_clear_sentence(
    tmp_path, monkeypatch, capfd, flags, words
):
    code, out, err = call_here(tmp_path, monkeypatch, capfd, *SMALL[:2], *flags)
    assert code == 1, (out, err)
    assert "epoch" not in out, "it should be found before training"
    message = err[err.index("error: ") :]
    for word in words:
        assert word in message
    assert "Traceback" not in err
    left = [p for p in tmp_path.rglob("*") if "tmp" in p.name]
    assert not left


def test_a_loss_that_is_not_finite_is_exit_code_2(tmp_path, monkeypatch, capfd):
    flags = [*SMALL, "--policy=zero", "--learning_rate=1e30"]
    code, _, err = call_here(tmp_path, monkeypatch, capfd, *flags)
    assert code == 2
    assert "not finite" in err
    assert "Traceback" not in err


def test_a_read_only_folder_is_named(read_only, tmp_path, monkeypatch, capfd):
    flags = [*SMALL, f"--runs_dir={read_only}"]
    code, _, err = call_here(tmp_path, monkeypatch, capfd, *flags)
    assert code == 1
    assert f"error: {read_only}" in err
    assert "Permission denied; choose a folder that can by --run" in err
    assert list(tmp_path.iterdir()) == [read_only]


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch, capfd):
    (tmp_path / "runs").write_text("a file stands here")
    code, _, err = call_here(tmp_path, monkeypatch, capfd, *SMALL)
    assert code == 1
    assert "runs" in err
    assert "Traceback" not in err


def test_list_names_every_component(tmp_path, monkeypatch, capfd):
    code, out, err = call_here(tmp_path, monkeypatch, capfd, "--mode=list")
    assert code == 0, err
    for name in ("nextitnet", "last-N", "synthetic", "adam", "bpr"):
        assert name in out


@pytest.mark.large
def test_more_epochs_end_as_if_asked_for_at_once(
    finished, tmp_path, monkeypatch, capfd
):
    folder, _ = finished
    shutil.copytree(folder / "cache", tmp_path / "cache")
    here = (tmp_path, monkeypatch, capfd)
    fewer = [flag for flag in SMALL if not flag.startswith("--epochs")]
    code, _, err = call_here(*here, *fewer, "--epochs=1", "--run=run")
    assert code == 0, err
    code, out, err = call_here(*here, "--resume", "--run=ru", "--epochs=3")
    assert code == 0, err
    assert "finetune epoch   1 " not in out
    again, first = metrics(tmp_path / "run"), metrics(folder / "run")
    assert again["test"] == first["test"]
    assert again["validation"]["epochs"] == 3
    assert "--epochs=3\n" in (tmp_path / "run" / "options.flags").read_text()
    code, out, err = call_here(*here, "--resume", "--run=run")
    assert code == 0, err
    assert "finished already" in out


def test_a_run_answers_from_anywhere(finished, tmp_path, monkeypatch, capfd):
    folder, _ = finished
    moved = tmp_path / "my runs [1]"
    shutil.copytree(folder, moved)
    here = (tmp_path, monkeypatch, capfd)
    flags = ["--mode=recommend", "--history=s1", "--k=3"]
    answers = []
    for run in (folder / "run", moved / "run", moved / "ru"):
        code, out, err = call_here(*here, *flags, f"--run={run}")
        assert code == 0, err
        assert str(run.parent / "cache") in out
        answers.append(out[out.index(" rank") :])
    assert len(set(answers)) == 1
    assert [path.name for path in tmp_path.iterdir()] == [moved.name]
    shutil.rmtree(moved / "cache")
    flags += [f"--run={moved / 'run'}", f"--cache_dir={folder / 'cache'}"]
    code, out, err = call_here(*here, *flags)
    assert code == 0, err
    assert out[out.index(" rank") :] == answers[0]


def test_two_at_once_do_not_share_a_folder(
    finished, monkeypatch, capfd, tmp_path
):
    folder, _ = finished
    shutil.copytree(folder, tmp_path / "copy")
    here = (tmp_path / "copy", monkeypatch, capfd)
    with RunFolder(tmp_path / "copy" / "run").held():
        code, _, err = call_here(*here, "--resume", "--run=run")
    assert code == 1
    assert "in use by process" in err


@pytest.mark.parametrize("run", ["latest", "late"])
def test_latest_is_no_name_for_a_new_run(tmp_path, monkeypatch, capfd, run):
    flags = ["--policy=zero", f"--run={run}", "--dataset=synthetic(users=0)"]
    code, _, err = call_here(tmp_path, monkeypatch, capfd, *flags)
    assert code == 1
    assert ("stands for a run that is there" in err) == (run == "latest")


def test_mistakes_in_brackets_answer_before_tensorflow(tmp_path):
    code = (
        "import sys; from tfxdr import main\n"
        "assert main.main(['x', '--dataset=events(source=(']) == 1\n"
        "assert 'tensorflow' not in sys.modules"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    assert b"error: --dataset: unclosed" in done.stderr


@pytest.mark.parametrize("name", ["events", "EVENTS", "nextitnet", "last-2"])
def test_list_explains_a_component(tmp_path, monkeypatch, capfd, name):
    here = (tmp_path, monkeypatch, capfd)
    code, out, err = call_here(*here, "--mode=list", name)
    assert code == 0, err
    assert name.lower().partition("-")[0] in out.lower()
    if name == "events":
        assert "source (required)" in out
        assert "time=timestamp" in out


def test_list_does_not_know_everything(tmp_path, monkeypatch, capfd):
    here = (tmp_path, monkeypatch, capfd)
    code, _, err = call_here(*here, "--mode=list", "evnts")
    assert code == 1
    assert "'evnts'; did you mean events?" in err
