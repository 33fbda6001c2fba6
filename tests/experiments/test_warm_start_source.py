"""Which run another one starts from: found and checked before all else."""

import json
import os
import pathlib

import pytest

import tfxdr
from tfxdr import main
from tfxdr.errors import InputError
from tfxdr.experiments.warm_start_source import source_of, with_source
from tfxdr.options import Options, groups
from tfxdr.training import distribution
from tfxdr.training.progress import Progress

TRAINED = {"policy": "all", "test": {}, "validation": {"epochs": 1}}


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes the folder of a run that has trained, without training."""
    monkeypatch.chdir(tmp_path)
    made = []

    def make_run(name, result=None, **options):
        folder = pathlib.Path(name)
        (folder / "weights").mkdir(parents=True)
        (folder / "weights" / "variables.index").write_text("")
        flags = folder / "options.flags"
        flags.write_text(_options(**options).to_flagfile())
        if result != {}:
            text = json.dumps(result or TRAINED)
            (folder / "metrics.json").write_text(text)
        made.append(name)
        for file in (flags, folder / "metrics.json"):
            if file.exists():
                os.utime(file, (len(made), len(made)))
        return folder

    return make_run


def _options(warm_start="", **run):
    return Options(
        run=groups.Run(**run), finetune=groups.Finetune(warm_start=warm_start)
    )


def _found(warm_start, *, resume=False, run="new"):
    options, folder = with_source(
        _options(warm_start, run=run),
        lambda found: pathlib.Path(found.run.run),
        resume=resume,
    )
    assert folder.path == pathlib.Path(run)
    return options.finetune.warm_start


def _files():
    return sorted(str(path) for path in pathlib.Path().rglob("*"))


def test_is_named_as_other_options_name_a_run(make):
    make("runs/first-3f2a")
    make("elsewhere/one")
    last = make("runs/last-77aa")
    assert _found("runs/first-3f2a") == "runs/first-3f2a"
    assert _found("./elsewhere/one") == "./elsewhere/one"  # as it was given
    assert _found("fir") == "runs/first-3f2a"
    assert _found("elsewhere/o") == "elsewhere/one"
    assert _found("latest") == str(last)


def test_the_folder_of_a_run_is_that_of_the_whole_name(make):
    make("runs/first-3f2a")
    folders = {
        with_source(
            _options(text),
            lambda found: pathlib.Path(found.finetune.warm_start.upper()),
            resume=False,
        )[1].path
        for text in ("fir", "latest", "runs/first-3f2a")
    }
    assert folders == {pathlib.Path("RUNS/FIRST-3F2A")}


def test_a_run_that_goes_on_keeps_what_was_the_latest(make):
    make("runs/first")
    make("runs/new", result={}, warm_start="runs/first")
    assert _found("latest", resume=True, run="runs/new") == "runs/first"


def test_a_run_that_goes_on_may_have_lost_it(make, monkeypatch):
    make("new", result={}, warm_start="gone")
    assert _found("gone", resume=True) == "gone"
    with pytest.raises(InputError, match="gone"):
        _found("gone", resume=False)
    with pytest.raises(InputError, match="gone"):
        _found("gone", resume=True, run="other")
    # Where the folder is a chief's, its worker does not see it.
    monkeypatch.setattr(type(distribution.current()), "is_chief", False)
    assert _found("gone", resume=True, run="other") == "gone"


@pytest.mark.parametrize(
    ("run", "warm_start"),
    [
        ("runs/first", "runs/first"),
        ("runs/first", "./runs/../runs/first"),
        ("runs/first", "fir"),
        ("runs/first", "latest"),
        ("link", "runs/first"),
        ("runs/first", "link"),
        ("runs/several", "runs/several/one"),
        ("runs/several", "link/../several/one"),
        ("runs/first/inner", "runs/first"),
    ],
)
@pytest.mark.parametrize("mode", ["run", "pretrain"])
def test_a_run_is_not_deleted_to_start_from_it(
    run, warm_start, mode, make, capfd
):
    make("runs/several/one")
    make("runs/several", result={})
    make("runs/first")
    pathlib.Path("link").symlink_to("runs/first")
    before = _files()
    flags = [f"--run={run}", f"--warm_start={warm_start}", "--overwrite"]
    assert main.main([*flags, f"--mode={mode}"]) == 1
    told = capfd.readouterr().err.splitlines()[-1]
    assert told.startswith(f"error: --warm_start={warm_start}: expected anoth")
    assert _files() == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere", "nowhere holds no finished run"),
        ("unfinished", "finish it with --resume, or set --warm_start to an"),
        ("several", "holds the runs one: set --warm_start to one of them"),
        ("runs/be", "several runs in runs begin so: begun-1, begun-2"),
        ("joint", "a sequential backbone, found one of --backbone=conet"),
        ("counted", "a policy that trains, found popularity"),
        ("bare", "expected the weights of the run in bare/weights, found none"),
    ],
)
@pytest.mark.parametrize("python", [True, False])
def test_what_cannot_be_started_from_is_said_at_once(
    text, said, python, make, capfd
):
    """Before data are prepared and the folder is made, by one name."""
    make("unfinished", result={})
    make("several", result={})
    make("several/one")
    make("runs/begun-1")
    make("runs/begun-2")
    make("joint", result={"meta": "bip", "backbone": "conet", "validation": {}})
    make("counted", result={"policy": "popularity", "test": {}})
    (make("bare") / "weights" / "variables.index").unlink()
    before = _files()
    if python:
        with pytest.raises(InputError) as caught:
            tfxdr.run(run="new", warm_start=text)
        told = str(caught.value)
    else:
        assert main.main(["--run=new", f"--warm_start={text}"]) == 1
        told = capfd.readouterr().err.splitlines()[-1].partition("error: ")[2]
    assert told.startswith(f"--warm_start={text}: ")
    assert said in told
    assert "--run" not in told
    assert _files() == before


def test_there_is_no_latest_of_none(make):
    with pytest.raises(
        InputError, match="--warm_start=latest: there is no run"
    ):
        _found("latest")


def test_one_that_is_gone_by_then_is_named_so():
    with pytest.raises(InputError, match="--warm_start=gone: gone holds no f"):
        source_of("gone", Progress.unseen())
