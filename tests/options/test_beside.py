"""Options that nobody would read, and what they are refused by."""

import pytest

from tfxdr import main, options
from tfxdr.errors import InputError
from tfxdr.options import groups
from tfxdr.options.beside import refuse_unread_by_mode, refuse_unread_by_run
from tfxdr.options.settings import settings_of


def parse(*arguments):
    return options.parse(["tfxdr", *arguments])


RUNS = [
    ("--split_fractions=0.5,0.2,0.3", "--split=leave-one-out", "--split=time"),
    ("--pretrain_num_sampled=9", "--pretrain_loss=softmax", ""),
    ("--pretrain_validation=0.1", "--pretrain_split=leave-one-out", ""),
    ("--num_negatives=4", "--loss=softmax", "--loss=bpr"),
    ("--num_negatives=4", "--loss=in_batch", "--loss=auto"),
    ("--warm_start_vanished=keep", "", "--warm_start=first"),
]


@pytest.mark.parametrize(("flag", "unread", "read"), RUNS)
def test_what_no_run_reads(flag, unread, read):
    beside = f"with {unread}" if unread else "without --warm_start"
    name = flag.partition("=")[0]
    with pytest.raises(InputError) as caught:
        refuse_unread_by_run(parse(flag, *filter(None, [unread])))
    told = f"{flag} means nothing {beside}; leave {name} out"
    assert str(caught.value) == told
    refuse_unread_by_run(parse(flag, *filter(None, [read])))
    refuse_unread_by_run(parse(*filter(None, [unread])))


@pytest.mark.parametrize(
    "flags",
    [
        ["--seeds=0,1"],
        ["--worlds=0,1"],
        ["--sweep=flags"],
        ["--search=batch_size=[1,2]"],
        ["--grid=batch_size=[1,2]"],
        ["--baseline=all"],
        ["--compare_by=hr@5", "--mode=report"],
        ["--user=u"],
        ["--history=a,b", "--mode=explain"],
        ["--users=all", "--mode=evaluate"],
        ["--output=x.md"],
        ["--k=3", "--mode=export"],
        ["--format=json", "--mode=inspect"],
        ["--export_dir=x", "--mode=evaluate"],
        ["--k_max=3", "--mode=recommend"],
        ["--component=events"],
        ["--resume=true", "--mode=recommend"],
        ["--overwrite=true", "--mode=prepare"],
        ["--overwrite=true", "--mode=sweep"],
    ],
)
def test_what_the_mode_does_not_read(flags, tmp_path, monkeypatch, capfd):
    """Before anything is done, which otherwise would be all but that."""
    monkeypatch.chdir(tmp_path)
    assert main.main(flags) == 1
    told = capfd.readouterr().err.splitlines()[-1]
    assert told.startswith(f"error: {flags[0]}: expected --mode=")
    assert told.endswith("which does not read it; drop the option")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "beside"),
    [
        (["--trials=3", "--mode=sweep", "--grid=k=[1]"], "without --search"),
        (["--k_max=3"], "without --export_dir"),
        (["--warm_up_sizes=4"], "without --export_dir"),
        (
            ["--min_recall=0.9", "--export_dir=x"],
            "with --export_retrieval=brute-force",
        ),
    ],
)
def test_what_another_option_would_have_read(flags, beside):
    with pytest.raises(InputError, match=f"{flags[0]} means nothing {beside};"):
        refuse_unread_by_mode(parse(*flags))


@pytest.mark.parametrize("mode", groups.MODES)
def test_defaults_are_nowhere_refused(mode):
    chosen = parse(f"--mode={mode}")
    refuse_unread_by_mode(chosen)
    refuse_unread_by_run(chosen)


def test_every_option_that_no_flagfile_keeps_is_for_some_modes():
    """A new one is not forgotten: it would be taken and do nothing."""
    from tfxdr.options import beside

    for_all = {"mode", "run", "device", "distribute", "in_memory"}
    known = {
        name
        for declared in groups.GROUPS.values()
        for name, one in settings_of(declared).items()
        if not one.replay
    }
    assert known - for_all == set(beside._MODES)


def test_a_run_says_so_before_it_prepares(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main.main(["--warm_start_vanished=keep", "--run=new"]) == 1
    told = capfd.readouterr().err.splitlines()[-1]
    assert told == (
        "error: --warm_start_vanished=keep means nothing without "
        "--warm_start; leave --warm_start_vanished out"
    )
    assert not list(tmp_path.iterdir())
