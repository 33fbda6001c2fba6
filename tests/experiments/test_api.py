"""Runs in Python: the command line's, without it."""

import dataclasses
import inspect
import pathlib
import subprocess
import sys

import event_files
import numpy as np
import pytest
from matplotlib.figure import Figure

import tfxdr
from tfxdr import main
from tfxdr.errors import InputError

DATA = "synthetic(users=200,source_items=50,target_items=40)"
OPTIONS = {
    "backbone": "nextitnet(channels=8,dilations=[1,2])",
    "policy": ["zero", "gumbel", "popularity"],
    "policy_network": "nextitnet(dilations=[1,2])",
    "pretrain_epochs": 1,
    "epochs": 2,
}
FLAGS = [
    f"--dataset={DATA}",
    f"--backbone={OPTIONS['backbone']}",
    "--policy=zero,gumbel,popularity",
    f"--policy_network={OPTIONS['policy_network']}",
    "--pretrain_epochs=1",
    "--epochs=2",
]


pytestmark = pytest.mark.usefixtures("in_place")


@pytest.fixture(scope="module")
def run(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return tfxdr.run(tfxdr.prepare(DATA), **OPTIONS)


def test_runs_are_there_by_name_and_place(run):
    assert [one.name for one in run] == OPTIONS["policy"]
    assert run[1] is run["gumbel"]
    assert len(run) == 3
    assert set(run[0].metrics) >= {"hr@5", "ndcg@10"}
    with pytest.raises(KeyError, match="did you mean 'gumbel'"):
        run["Gumbell"]


def test_the_best_is_that_of_validation(run, monkeypatch):
    judged = [run["zero"], run["gumbel"]]
    for low, high in (judged, judged[::-1]):
        monkeypatch.setitem(low.result["validation"], "mrr@5", 0.1)
        monkeypatch.setitem(high.result["validation"], "mrr@5", 0.2)
        monkeypatch.setitem(low.result["test"], "mrr@5", 0.9)
        assert run.best is high


def test_the_table_is_text_and_html(run):
    text, html = repr(run.table()), run.table()._repr_html_()
    for name in ("item-knn", *OPTIONS["policy"]):
        assert name in text and f"<td>{name}</td>" in html
    assert f"{run['zero'].metrics['hr@5']:.4f}" in text
    assert str(run.folder) in repr(run) and html in run._repr_html_()


@pytest.mark.large
def test_the_command_line_finds_it_finished_and_back(run, place, capfd):
    assert main.main([*FLAGS, "--resume"]) == 0
    out = capfd.readouterr().out
    assert out.count("this run is finished already") == 3
    assert main.main([*FLAGS, "--seed=3"]) == 0
    capfd.readouterr()
    again = tfxdr.run(DATA, **OPTIONS, seed=3)
    assert capfd.readouterr().out.count("this run is finished already") == 3
    assert again.folder != run.folder
    shown = main.main(["--mode=evaluate", f"--run={again['zero'].folder}"])
    assert shown == 0
    assert f"{again['zero'].metrics['hr@5']:.4f}" in capfd.readouterr().out


class TestFinishedRunsAgainstEachOther:
    def test_runs_can_be_named_in_many_ways(self, run):
        found = tfxdr.compare(run)
        assert [method.name for method in found.methods] == OPTIONS["policy"]
        assert len(found.pairs) == 3 * 3
        some = [run["zero"], run.folder / "gumbel", str(run.folder / "pop*")]
        for runs in ([run, run["zero"]], list(run), some):
            assert repr(tfxdr.compare(runs)) == repr(found)
        of_folder = [m.name for m in tfxdr.compare(run.folder).methods]
        assert of_folder == sorted(OPTIONS["policy"])

    def test_it_is_what_the_command_prints(self, run, capfd):
        flags = ["--mode=compare", f"--run={run.folder}", "--baseline=zero"]
        assert main.main([*flags, "--compare_by=hr@10"]) == 0
        found = tfxdr.compare(run.folder, "hr@10", baseline="zero")
        assert repr(found) == capfd.readouterr().out
        assert found.metrics == ["hr@10"]

    def test_a_notebook_gets_tables(self, run):
        html = tfxdr.compare(run)._repr_html_()
        assert html.count("<table>") == 2
        assert "<th>HR@5</th>" in html and "<td>gumbel</td>" in html
        assert "<p>Best by HR@5: " in html

    def test_it_is_saved(self, run, place):
        found = tfxdr.compare(run, metrics=["hr@5"])
        assert found.save("t.tex") == pathlib.Path("t.tex")
        assert "\\toprule" in (place / "t.tex").read_text()
        with pytest.raises(InputError, match="ends in one of .md, .csv, .tex"):
            found.save("t.pdf")

    @pytest.mark.parametrize(
        ("runs", "options", "message"),
        [
            ([], {}, "expected finished runs, found none"),
            ("nowhere/*", {}, "no finished run at nowhere"),
            (None, {"baseline": "Zero"}, "did you mean 'zero'"),
            (None, {"metrics": "hr@7"}, "found 'hr@7'"),
        ],
    )
    def test_mistakes_are_named(self, run, runs, options, message):
        with pytest.raises(InputError, match=message):
            tfxdr.compare(run if runs is None else runs, **options)

    def test_a_report_of_them(self, run, place, capfd):
        assert run.report("r.html") == pathlib.Path("r.html")
        assert "report: r.html" in capfd.readouterr().out
        text = (place / "r.html").read_text("utf-8")
        assert text.count("held out") == 3  # users, of a run that is opened
        tfxdr.write_report([run.folder], "again.html", baseline="zero")
        assert "better than zero" not in text
        again = (place / "again.html").read_text("utf-8")
        assert "better and worse than zero" in again
        with pytest.raises(InputError, match="ends in one of .html, .md"):
            run.report("r.pdf")


def test_tensorboard_shows_options_beside_the_test(run):
    for one in run:
        folder = one.folder / "tensorboard" / "test"
        options, metrics = event_files.hparams(folder)
        assert options["policy"] == one.name and options["epochs"] == 2
        assert options["dataset"] == str(DATA) and options["seed"] == "0"
        assert not {"data_path", "cache_dir", "threads"} & set(options)
        assert metrics == pytest.approx(one.metrics)


def test_actions_are_drawn(run):
    figure = run["gumbel"].plot_actions()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="zero decides alike for all users"):
        run["zero"].plot_actions()


def test_it_opens_again(run):
    opened = tfxdr.open_run(run["gumbel"].folder)
    assert opened.metrics == run["gumbel"].metrics
    answers = [
        one.recommend(user="u00003", k=4) for one in (opened, run["gumbel"])
    ]
    assert [one.item for one in answers[0]] == [one.item for one in answers[1]]
    with pytest.raises(InputError, match="holds the runs gumbel, popularity"):
        tfxdr.open_run(run.folder)


def test_an_export_answers_alike(run, place):
    made = run["gumbel"].export(place / "export", k_max=4)
    from tfxdr.serving import open_export

    _, recommender = open_export(made.folder)
    history = ["s00001", "s00002"]
    found = recommender.answer(history, 4)
    own = run["gumbel"].recommend(history=history, k=4)
    assert [one.item for one in found] == [one.item for one in own]
    with pytest.raises(InputError, match="did you mean 'k_max'"):
        run["gumbel"].export(place / "export", kmax=4)


def test_strange_histories_say_so(run):
    answer = run["zero"].recommend(history=["\x1b[31m", "x"], k=2)
    assert answer.unknown == ["\x1b[31m", "x"]
    assert answer.substituted
    assert "popular items were substituted" in str(answer)
    assert "\x1b" not in str(answer) + answer._repr_html_()
    assert not run["zero"].recommend(history=["s00001", "x"]).substituted


@pytest.mark.parametrize("name", OPTIONS["policy"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_all_users_get_what_each_one_gets(run, place, name, suffix):
    import duckdb

    output = place / f"{name}.{suffix}"
    assert run[name].recommend(users="all", output=output, k=3) == output
    rows = duckdb.sql(
        f"SELECT \"user\", rank, item, score, title FROM '{output}'"
    ).fetchall()
    users = list(dict.fromkeys(row[0] for row in rows))
    assert len(users) == 200 and users == sorted(users)
    for user in users[:20]:
        alone = run[name].recommend(user=user, k=3)
        batch = [row for row in rows if row[0] == user]
        assert [row[1] for row in batch] == [1, 2, 3]
        assert [row[2] for row in batch] == [one.item for one in alone]
        assert [row[4] for row in batch] == [one.title for one in alone]
        np.testing.assert_allclose(
            [row[3] for row in batch], [one.score for one in alone], atol=1e-5
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": 3}, "unknown option 'epoch'; did you mean 'epochs'"),
        ({"Epochs": 3}, "did you mean 'epochs'"),
        ({"zzz": 3}, "expected one of run, runs_dir"),
        ({"epochs": 0}, "--epochs: expected an integer of at least 1"),
        ({"epochs": "3"}, "expected an integer of at least 1, found '3'"),
        ({"mode": "list"}, "mode is no option in Python"),
        ({"resume": True}, "goes on by itself"),
        ({"k": 3}, r"expected it in .recommend\(...\)"),
        ({"policy": ["Zero"]}, "did you mean 'zero'"),
        ({"policy": []}, "policy"),
        ({"dataset": DATA}, "given already, as the first argument"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(InputError, match=message):
        tfxdr.run(DATA, **options)


def test_no_data_of_any_kind():
    with pytest.raises(InputError, match="found int"):
        tfxdr.run(3)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "one of the three"),
        ({"user": "u00001", "history": []}, "one of the three"),
        ({"users": "all"}, "go together"),
        ({"user": "u00001", "output": "x.csv"}, "go together"),
        ({"user": "u00001", "k": 0}, "k of at least 1"),
        ({"users": "all", "output": "x.xls"}, "ends in one of .parquet"),
        ({"users": ["nobody"], "output": "x.csv"}, "none of the 1 users"),
        ({"users": "none.txt", "output": "x.csv"}, "users=none.txt: cannot"),
    ],
)
def test_questions_that_have_no_answer(run, asked, message):
    with pytest.raises(InputError, match=message):
        run["zero"].recommend(**asked)


def test_what_may_be_written_is_shown():
    known = inspect.signature(tfxdr.run).parameters
    assert known["epochs"].default == 50
    assert known["policy"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "k" not in known


def test_gone_inputs_are_found_by_what_was_made_of_them(place, capfd):
    for name in ("source", "target"):
        rows = [f"u{u},{name}{i},{i}" for u in range(30) for i in range(u % 9)]
        text = "\n".join(["user,item,time", *rows])
        (place / f"{name}.csv").write_text(text)
    run = tfxdr.run(
        "events(source='source.csv',target='target.csv',time=time)",
        **OPTIONS | {"policy": "popularity"},
        run="gone",
    )
    user = "u8"
    before = run[0].recommend(user=user, k=3)
    (place / "source.csv").unlink()
    after = tfxdr.open_run("gone").recommend(user=user, k=3)
    assert [one.item for one in before] == [one.item for one in after]
    assert "(from an earlier run)" in capfd.readouterr().out


def test_flags_of_ones_own_are_left_alone(place):
    script = (
        "import sys\n"
        "from absl import flags\n"
        "for name in ('seed', 'mode', 'run', 'epochs'):\n"
        "    flags.DEFINE_string(name, 'mine', 'of a program')\n"
        "flags.FLAGS(['program'])\n"
        "import tfxdr\n"
        "try:\n"
        "    tfxdr.run('nonsense', epochs=3)\n"
        "except tfxdr.InputError as error:\n"
        "    print(error)\n"
        "assert flags.FLAGS.seed == 'mine'\n"
        "assert 'tfxdr.options.flags' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=place,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "unknown dataset 'nonsense'" in done.stdout


def test_options_of_a_folder_are_read_without_flags(run):
    from tfxdr.options import Options

    path = run["zero"].folder / "options.flags"
    read = Options.from_flagfile(path.read_text(), "here")
    assert read.model.policy == "zero" and read.finetune.epochs == 2
    assert Options.from_flagfile(read.to_flagfile(), "here") == read
    changed = dataclasses.replace(read, extra=("--shop_size=3",))
    with pytest.raises(InputError, match="here: --shop_size is no option"):
        Options.from_flagfile(changed.to_flagfile(), "here")
