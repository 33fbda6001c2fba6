from __future__ import annotations

import dataclasses

import pytest

from tfxdr import options
from tfxdr.errors import InputError
from tfxdr.options import Options, groups, help, named, settings


def parse(*arguments: str) -> Options:
    return options.parse(["tfxdr", *arguments])


class TestParse:
    def test_nothing_given_is_the_defaults(self):
        assert parse() == Options()

    def test_values_have_their_types(self):
        parsed = parse(
            "--policy=zero,gumbel(temperature=5)",
            "--resume",
            "--nooverwrite",
            "--top_n=5, 20",
            "--monitor=hr@20",
            "--train_fraction",
            "0.1",
            "--pretrained_learning_rate=1e-5",
            "--plugins=a.py,b.c",
        )
        assert parsed.model.policy == "zero,gumbel(temperature=5)"
        assert parsed.run.resume is True
        assert parsed.run.overwrite is False
        assert parsed.evaluate.top_n == (5, 20)
        assert parsed.data.train_fraction == 0.1
        assert parsed.finetune.pretrained_learning_rate == 1e-5
        assert parsed.run.plugins == ("a.py", "b.c")

    def test_nothing_is_left_of_an_earlier_parse(self):
        parse("--epochs=3")
        with pytest.raises(InputError):
            parse("--epochs=4", "--nonsense")
        assert parse() == Options()

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--polcy=all"], "unknown flag --polcy; did you mean --policy?"),
            (["--qqqqq"], "unknown flag --qqqqq; --helpshort lists them all"),
            (["--epochs=0"], "--epochs=0: expected an integer of at least 1"),
            (["--epochs=ten"], "an integer of at least 1, found 'ten'"),
            (["--epochs"], "Missing value for flag --epochs"),
            (["--resume=maybe"], "expected true or false, found 'maybe'"),
            (["--noresume=1"], "--noresume=1 does not take an argument"),
            (["--resume", "true"], "unexpected argument 'true'"),
            (["all"], "unexpected argument 'all'"),
            (["--mode=fly"], "expected one of run, prepare"),
            (["--train_fraction=0"], "above 0, at most 1, found 0"),
            (["--train_fraction=nan"], "found nan"),
            (["--learning_rate=inf"], "found inf"),
            (["--split_fractions=.5,.5"], "3 numbers from 0 to 1"),
            (["--split_fractions=.5,.5,.5"], "add up to 1"),
            (["--top_n=5,x"], "integers of at least 1, separated by commas"),
            (["--top_n="], "--top_n: expected integers"),
            (["--monitor=hr@7"], "--monitor: expected one of hr@5"),
            (
                ["--pretrain_monitor=hr@7"],
                "one of validation_loss, hr@5, mrr@5, ndcg@5, hr@10",
            ),
            (["--pretrain_split=time"], "one of users, leave-one-out"),
            (["--pretrain_windows"], "expected --pretrain_length of 1"),
        ],
    )
    def test_refuses(self, arguments, message):
        with pytest.raises(InputError) as caught:
            parse(*arguments)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_run_that_is_gone_on_with_is_found_once(self, tmp_path):
        path = tmp_path / "run-1" / "options.flags"
        path.parent.mkdir()
        path.write_text("--seed=4\n--epochs=2\n")
        parsed = options.parse(
            ["x", "--run=latest", "--epochs=3"], lambda run: path
        )
        assert parsed.run.run == str(path.parent)
        assert (parsed.seed, parsed.finetune.epochs) == (4, 3)

    def test_prints_nothing(self, capsys):
        parse("--epochs=3")
        with pytest.raises(InputError):
            parse("--nonsense")
        assert capsys.readouterr() == ("", "")


class TestFlagfile:
    def write(self, tmp_path, text: str) -> str:
        path = tmp_path / "some.flags"
        path.write_text(text)
        return f"--flagfile={path}"

    def test_the_later_setting_wins(self, tmp_path):
        flagfile = self.write(
            tmp_path,
            "# a comment\n\n--epochs=3\n--policy=gumbel(a=[1, 2], b='x y')\n",
        )
        assert parse(flagfile, "--epochs=4").finetune.epochs == 4
        parsed = parse("--epochs=4", flagfile)
        assert parsed.finetune.epochs == 3
        assert parsed.model.policy == "gumbel(a=[1, 2], b='x y')"

    @pytest.mark.parametrize("line", ["--epochz=3", "--epochs=0"])
    def test_errors_name_file_and_line(self, tmp_path, line):
        flagfile = self.write(tmp_path, f"# a comment\n{line}\n")
        with pytest.raises(InputError, match="some.flags, line 2: .*epoch"):
            parse(flagfile)

    def test_missing(self, tmp_path):
        with pytest.raises(InputError, match="No such file"):
            parse(f"--flagfile={tmp_path / 'absent'}")

    def test_folder(self, tmp_path):
        with pytest.raises(InputError, match="Is a directory"):
            parse(f"--flagfile={tmp_path}")

    def test_no_text(self, tmp_path):
        path = tmp_path / "binary"
        path.write_bytes(b"\xff\x00\x81")
        with pytest.raises(InputError, match="expected text"):
            parse(f"--flagfile={path}")

    @pytest.mark.parametrize("arguments", [["--flagfile="], ["--flagfile"]])
    def test_empty(self, arguments):
        with pytest.raises(InputError, match="--flagfile: expected a file"):
            parse(*arguments)

    def test_replays_every_option(self, tmp_path):
        parsed = parse(
            "--policy=gumbel(temperature=5, x=[1, 2]),zero",
            "--backbone=nextitnet(channels=64)",
            "--split_fractions=0.7,0.1,0.2",
            "--learning_rate=3e-7",
            "--pretrained_learning_rate=0.1",
            "--plugins=a.py,b.c",
            "--top_n=5,10,20",
            "--seed=17",
        )
        replayed = parse(self.write(tmp_path, parsed.to_flagfile()))
        assert replayed == parsed

    @pytest.mark.parametrize(
        "flag", ["--positive_above=none", "--pretrained_learning_rate=None"]
    )
    def test_replays_what_is_none(self, tmp_path, flag):
        text = parse("--pretrained_learning_rate=0.5", flag).to_flagfile()
        name = flag.partition("=")[0]
        assert f"{name}=none\n" in text
        replayed = parse(self.write(tmp_path, text))
        assert replayed.to_flagfile() == text

    def test_holds_every_option_but_how_it_was_started(self):
        lines = Options().to_flagfile().splitlines()
        written = {
            line.removeprefix("--").partition("=")[0]
            for line in lines
            if line.startswith("--")
        }
        replayed = {name for name, declared in _all() if declared.replay}
        assert written == replayed
        assert not {"resume", "overwrite"} & replayed


class TestGroups:
    def test_what_can_be_none_says_so(self):
        for text in ("nothing", ""):
            with pytest.raises(InputError, match="a number, or none, found"):
                parse(f"--positive_above={text}")
        with pytest.raises(InputError, match="above 0, or none, found -1"):
            parse("--pretrained_learning_rate=-1")
        with pytest.raises(InputError, match="of at least 0, found 'none'"):
            parse("--weight_decay=none")

    def test_values_set_in_code_are_checked(self):
        with pytest.raises(InputError, match="--epochs: expected an integer"):
            groups.Finetune(epochs=0)
        with pytest.raises(InputError, match="--top_n"):
            groups.Evaluate(top_n=[5])

    def test_groups_are_the_fields_of_options(self):
        fields = [field.name for field in dataclasses.fields(Options)]
        assert fields == [*groups.GROUPS, "extra", "given"]

    def test_no_option_stands_in_two_groups(self):
        assert len(_all_names()) == len(_all())

    @pytest.mark.parametrize("name", sorted(groups.GROUPS))
    def test_defaults_read_back(self, name):
        group = groups.GROUPS[name]
        for key, declared in settings.settings_of(group).items():
            value = getattr(group(), key)
            if value is not None:
                assert declared.parse(declared.format(value)) == value


class TestHelp:
    def test_names_every_option_in_80_columns(self):
        text = help.help_text()
        for name in _all_names():
            assert f"--{name}=" in text or f"--[no]{name} " in text
        assert max(map(len, text.splitlines())) <= 80

    def test_full_has_absl_too(self):
        text = help.help_text(full=True)
        assert "--verbosity" in text
        assert max(map(len, text.splitlines())) <= 80

    @pytest.mark.parametrize("flag", ["--help", "-h", "--helpshort"])
    def test_requested(self, flag):
        assert "--backbone=" in help.requested_help(["x", "--seed=1", flag])

    def test_version(self):
        assert help.requested_help(["x", "--version"]).startswith("tfxdr 0.")

    def test_not_requested(self):
        assert help.requested_help(["x", "--policy=all", "help"]) is None


def _all() -> list[tuple[str, settings.Setting]]:
    return [
        pair
        for group in groups.GROUPS.values()
        for pair in settings.settings_of(group).items()
    ]


def _all_names() -> set[str]:
    return {name for name, _ in _all()}


class TestClassMetrics:
    PROFILE = ("--task=profile", "--attribute=age")

    def test_can_be_monitored_as_they_will_be_called(self):
        parsed = options.parse(
            [
                "tfxdr",
                *self.PROFILE,
                "--class_metrics=kappa( b = 2, a=x), f1",
                "--monitor=kappa(a=x,b=2)",
            ]
        )
        assert parsed.monitor == "kappa(a=x,b=2)"

    def test_a_monitor_that_is_none_of_them(self):
        with pytest.raises(InputError, match=r"accuracy, macro_f1, f1 \("):
            options.parse(
                ["tfxdr", *self.PROFILE, "--class_metrics=f1", "--monitor=f2"]
            )

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            ([], "--class_metrics: expected --task=profile"),
            (PROFILE, "--class_metrics: unclosed"),
        ],
    )
    def test_refused(self, flags, message):
        with pytest.raises(InputError, match=message):
            options.parse(["tfxdr", *flags, "--class_metrics=f1("])


class TestPaths:
    @pytest.mark.parametrize(
        "name",
        [name for name, declared in _all() if declared.path],
    )
    def test_a_tilde_is_the_home_folder(self, name, monkeypatch):
        monkeypatch.setenv("HOME", "/home/someone")
        found = {
            key: getattr(getattr(parse(f"--{name}=~/x"), group), key)
            for group, declared in groups.GROUPS.items()
            for key in settings.settings_of(declared)
        }
        assert found[name] == "/home/someone/x"
        assert groups.Run(cache_dir="~/x").cache_dir == "/home/someone/x"

    def test_the_paths_are_known(self):
        named = {name for name, declared in _all() if declared.path}
        assert named == {
            "run",
            "runs_dir",
            "cache_dir",
            "data_path",
            "warm_start",
            "export_dir",
            "refresh_candidates",
            "users",
            "output",
        }


class TestList:
    def test_takes_the_name_of_a_component(self):
        assert parse("--mode=list", "events").run.component == "events"
        with pytest.raises(InputError, match="unexpected argument"):
            parse("--mode=list", "events", "all")


class TestRawIds:
    @pytest.mark.parametrize(
        ("text", "ids"),
        [
            ("a,b", ("a", "b")),
            ("a, b", ("a", "b")),
            ('film1,"one, two"', ("film1", "one, two")),
            ('film1," lead"', ("film1", " lead")),
            ('"say ""hi""",x', ('say "hi"', "x")),
            ('5" nail,x', ('5" nail', "x")),
            ("line\nbreak,x", ("line\nbreak", "x")),
            ("", ()),
        ],
    )
    def test_a_history(self, text, ids):
        parsed = parse(f"--history={text}")
        assert parsed.recommend.history == ids
        declared = settings.settings_of(groups.Recommend)["history"]
        assert declared.parse(declared.format(ids)) == ids

    @pytest.mark.parametrize("text", ['"a', '"a"b,c', 'a,"b'])
    def test_open_quotes_are_refused(self, text):
        with pytest.raises(InputError, match="whose quotes do not match"):
            parse(f"--history={text}")

    def test_a_users_spaces_count(self):
        assert parse("--user= lead").recommend.user == " lead"

    def test_a_near_name_in_capitals_is_found(self):
        with pytest.raises(InputError, match="did you mean --backbone?"):
            parse("--BackBone=sasrec")


class TestNamed:
    def test_values_as_python_has_them(self, tmp_path):
        import numpy as np

        made = named.options_from(
            {
                "policy": ("zero", "gumbel(temperature=5)"),
                "top_n": [np.int64(5), 20],
                "split_fractions": np.array([0.5, 0.25, 0.25]),
                "cache_dir": tmp_path,
                "learning_rate": np.float32(0.5),
                "train_embeddings": True,
                "plugins": "a.py,b",
                "epochs": np.int32(3),
                "pretrained_learning_rate": None,
            }
        )
        assert made == parse(
            "--policy=zero,gumbel(temperature=5)",
            "--top_n=5,20",
            "--split_fractions=0.5,0.25,0.25",
            f"--cache_dir={tmp_path}",
            "--learning_rate=0.5",
            "--train_embeddings=true",
            "--plugins=a.py,b",
            "--epochs=3",
        )

    def test_nothing_given_is_the_defaults(self):
        assert named.options_from({}) == Options()
