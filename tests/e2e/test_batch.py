"""Recommendations for many, by flags."""

import csv
import json

import pytest
from running import call_here

SMALL = [
    "--dataset=planted(users=60,source_items=30,target_items=20,"
    "source_ratings=12,target_ratings=6)",
    "--epochs=1",
    "--pretrain_epochs=1",
]
JOINT = [
    "--dataset=planted(users=60,source_items=30,target_items=20,"
    "source_ratings=12,target_ratings=6)",
    "--backbone=conet(embedding_size=4,hidden=[8,4])",
    "--epochs=1",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a transfer run and a joint one."""
    from tfxdr import main

    folder = tmp_path_factory.mktemp("batch")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        backbone = "--backbone=nextitnet(channels=8,dilations=[1,2])"
        assert main.main([*SMALL, backbone, "--run=transfer"]) == 0
        assert main.main([*JOINT, "--run=joint"]) == 0
    return folder


@pytest.mark.parametrize("run", ["transfer", "joint"])
def test_a_file_of_users_gets_what_each_one_gets(runs, run, monkeypatch, capfd):
    from tfxdr import open_run

    users = [
        raw.decode()
        for raw in open_run(runs / run)
        ._contender.experiment.data.users()
        .ids[[5, 3, 40]]
    ]
    wanted = [users[0], "nobody", users[1], users[2], users[0], "zed"]
    (runs / "who.txt").write_text("\ufeff" + "\r\n".join(wanted), "utf-8")
    here = (runs, monkeypatch, capfd)
    flags = ["--mode=recommend", f"--run={run}", "--k=4"]
    code, out, err = call_here(
        *here, *flags, "--users=who.txt", "--output=out.csv"
    )
    assert code == 0, err
    assert "note: 2 of 5 users are not in the data" in out
    assert "nobody, zed" in out
    with open(runs / "out.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(dict.fromkeys(row["user"] for row in lines)) == users
    for user in users:
        code, out, err = call_here(
            *here, *flags, f"--user={user}", "--format=json"
        )
        answer = json.loads(out)
        assert answer["user"] == user
        batch = [row for row in lines if row["user"] == user]
        assert len(batch) == 4
        for row, one in zip(batch, answer["items"], strict=True):
            assert (row["item"], int(row["rank"])) == (one["item"], one["rank"])
            assert float(row["score"]) == pytest.approx(one["score"], abs=1e-5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--users=all"], "--output=FILE go together"),
        (["--output=x.csv", "--user=u"], "--output=FILE go together"),
        (["--users=all", "--user=u", "--output=x.csv"], "one of the three"),
        (["--users=all", "--output=x.txt"], "ends in one of .parquet, .csv"),
        (["--users=none.txt", "--output=x.csv"], "--users=none.txt: cannot"),
        (["--users=all", "--output=x.csv", "--format=json"], "leave it out"),
        (["--users=all", "--output=x.csv", "--export_dir=e"], "one of the two"),
    ],
)
def test_mistakes_are_named(runs, flags, message, monkeypatch, capfd):
    here = (runs, monkeypatch, capfd)
    code, _, err = call_here(
        *here, "--mode=recommend", "--run=transfer", *flags
    )
    assert code == 1
    assert message in err
    assert not (runs / "x.csv").exists()


def test_a_place_that_cannot_be_written_is_named(runs, monkeypatch, capfd):
    (runs / "file").write_text("")
    code, _, err = call_here(
        *(runs, monkeypatch, capfd),
        *("--mode=recommend", "--run=transfer", "--users=all"),
        "--output=file/x.csv",
    )
    assert code == 1
    assert "--output" in err
