"""Files and modules as plugins, sound and broken."""

from __future__ import annotations

import importlib
import pathlib
import re
import subprocess
import sys

import pytest
from absl import flags
from written import COIN, write

from tfxdr import options, registry
from tfxdr.errors import InputError
from tfxdr.main import main
from tfxdr.options import help
from tfxdr.registry import plugins
from tfxdr.registry.listing import list_text


class TestFiles:
    def test_registers(self, tmp_path):
        (plugin,) = plugins.load_plugins([write(tmp_path, "a.py", COIN)])
        assert plugin.error is None
        assert plugin.names == ("coin",)
        assert registry.losses.build("coin(sides=6)").sides == 6
        assert "a.py" in registry.losses.entry("coin").origin

    def test_is_loaded_once(self, tmp_path):
        path = write(tmp_path, "a.py", COIN)
        first = plugins.load_plugins([path])
        assert plugins.load_plugins([path]) == first

    def test_twice_in_one_list_is_one(self, tmp_path, monkeypatch):
        path = write(tmp_path, "a.py", COIN)
        monkeypatch.chdir(tmp_path)
        (plugin,) = plugins.load_plugins([path, "./a.py", "a.py"])
        assert plugin.error is None

    def test_imported_before_is_taken_over(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        path = write(tmp_path, "early_plugin.py", COIN)
        importlib.import_module("early_plugin")
        (plugin,) = plugins.load_plugins([path])
        assert plugin.error is None
        assert plugin.names == ("coin",)
        assert registry.losses.entry("coin").origin == plugin.label

    def test_finds_the_files_beside_it(self, tmp_path):
        write(tmp_path, "beside_the_plugin.py", "SIDES = 8")
        text = COIN.replace("sides: int = 2", "sides: int = SIDES")
        path = write(tmp_path, "a.py", f"from beside_the_plugin import *{text}")
        (plugin,) = plugins.load_plugins([path])
        assert plugin.error is None, plugin
        assert registry.losses.build("coin").sides == 8

    def test_that_registers_nothing_says_so(self, tmp_path):
        (plugin,) = plugins.load_plugins([write(tmp_path, "a.py", "X = 1")])
        assert str(plugin).endswith("has registered no component")

    def test_missing_file(self):
        with pytest.raises(InputError, match="no such file: .*no.py; if a run"):
            plugins.load_plugins(["no.py"])

    def test_does_not_hide_a_module_of_its_name(self, tmp_path):
        plugins.load_plugins([write(tmp_path, "json.py", COIN)])
        import json

        assert json.dumps(1) == "1"

    def test_same_file_name_twice(self, tmp_path):
        (tmp_path / "other").mkdir()
        one = write(tmp_path, "a.py", COIN)
        two = write(
            tmp_path / "other", "a.py", COIN.replace('"coin"', '"dice"')
        )
        plugins.load_plugins([one, two])
        assert "coin" in registry.losses and "dice" in registry.losses


class TestModules:
    def test_registers(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        write(tmp_path, "some_plugin_module.py", COIN)
        (plugin,) = plugins.load_plugins(["some_plugin_module"])
        assert plugin.error is None
        assert "coin" in registry.losses

    def test_in_the_current_folder_is_its_file(self, tmp_path, monkeypatch):
        path = write(tmp_path, "here_plugin.py", COIN)
        monkeypatch.chdir(tmp_path)
        assert plugins.absolute("here_plugin") == path
        (plugin,) = plugins.load_plugins(["here_plugin", "here_plugin.py"])
        assert plugin.error is None

    def test_missing(self):
        (plugin,) = plugins.load_plugins(["no_such_plugin_module"])
        assert isinstance(plugin.error, ModuleNotFoundError)


class TestBroken:
    @pytest.mark.parametrize(
        ("ending", "error"),
        [
            ("import no_such_module", ModuleNotFoundError),
            ("import sys; sys.exit(1)", SystemExit),
            ("def (", SyntaxError),
            ("1 / 0", ZeroDivisionError),
        ],
    )
    def test_stops_no_other(self, tmp_path, ending, error):
        bad = write(
            tmp_path,
            "bad.py",
            COIN.replace('"coin"', '"penny"') + "\n" + ending,
        )
        good = write(tmp_path, "good.py", COIN)
        broken, whole = plugins.load_plugins([bad, good])
        assert isinstance(broken.error, error)
        assert whole.error is None
        assert "coin" in registry.losses
        assert "penny" not in registry.losses
        with pytest.raises(InputError, match="bad.py") as caught:
            registry.losses.parse("penny")
        assert caught.value.__cause__ is broken.error

    def test_a_duplicate_name_breaks_the_second(self, tmp_path):
        one = write(tmp_path, "one.py", COIN)
        two = write(tmp_path, "two.py", COIN)
        first, second = plugins.load_plugins([one, two])
        assert first.error is None
        assert "one.py" in str(second.error) and "two.py" in str(second.error)
        assert "one.py" in registry.losses.entry("coin").origin

    def test_says_where(self, tmp_path):
        path = write(tmp_path, "bad.py", "import json\n\njson.loads('{')\n")
        (plugin,) = plugins.load_plugins([path])
        assert str(plugin).endswith(f", at {path}, line 3")  # not json's own

    @pytest.mark.parametrize(
        ("code", "wrong"),
        [
            ("register('x', 5)", "should be a class or a function, found 5"),
            ("register(list)", "takes a name"),
            ("register('x-N', lambda: 1)", "take the number N, first"),
            (
                "register('x', made)\n",
                "signature that cannot be read: SyntaxError",
            ),
            ("register('x', needs_path)", r"needs path \(Path\), which no"),
            ("register('x', needs_name)", r"needs name \(str\), which no"),
        ],
    )
    def test_a_factory_that_nobody_can_call(self, tmp_path, code, wrong):
        text = (
            "import pathlib, tfxdr\n"
            "def made(x: 'how much' = 3): ...\n"
            "def needs_path(path: pathlib.Path): ...\n"
            "def needs_name(name: str): ...\n"
            f"tfxdr.losses.{code}"
        )
        (plugin,) = plugins.load_plugins([write(tmp_path, "bad.py", text)])
        assert isinstance(plugin.error, InputError)
        assert re.search(wrong, str(plugin))
        assert "bad.py) is broken" in list_text()

    def test_that_calls_main_says_so(self, tmp_path):
        text = "from tfxdr.main import main\nmain(['tfxdr', '--mode=list'])"
        (plugin,) = plugins.load_plugins([write(tmp_path, "bad.py", text)])
        assert 'if __name__ == "__main__"' in str(plugin)

    def test_two_have_a_cause_each(self, tmp_path):
        paths = []
        for name, line in (("dime", "1 / 0"), ("penny", "[][0]")):
            text = f"{line}\n{COIN.replace('coin', name)}"
            paths.append(write(tmp_path, f"{name}_file.py", text))
        for plugin, name in zip(
            plugins.load_plugins(paths), ("dime", "penny"), strict=True
        ):
            with pytest.raises(InputError, match="cannot be used") as caught:
                registry.losses.parse(name)
            assert caught.value.__cause__ is plugin.error

    def test_names_of_all_files_of_a_package(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        folder = tmp_path / "split_plugin_package"
        folder.mkdir()
        write(folder, "__init__.py", "from . import a, b")
        write(folder, "a.py", "")
        write(folder, "b.py", "1 / 0\n" + COIN)
        plugins.load_plugins(["split_plugin_package"])
        with pytest.raises(InputError, match="division by zero.*b.py, line 1"):
            registry.losses.parse("coin")

    def test_module_in_a_package_that_breaks(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "plugin_package").mkdir()
        write(tmp_path / "plugin_package", "__init__.py", "1 / 0")
        write(tmp_path / "plugin_package", "coin.py", COIN)
        (plugin,) = plugins.load_plugins(["plugin_package.coin"])
        assert isinstance(plugin.error, ZeroDivisionError)

    def test_what_it_imported_whole_stays(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        write(tmp_path, "whole_plugin.py", COIN)
        bad = write(tmp_path, "bad.py", "import whole_plugin\n1 / 0")
        plugins.load_plugins([bad])
        assert "coin" in registry.losses


class TestFlags:
    _FLAG = (
        "from absl import flags\n"
        "flags.DEFINE_integer('shop_size', 3, 'Size of the shop.')\n"
    )

    def test_of_a_plugin(self, tmp_path):
        path = write(tmp_path, "shop.py", self._FLAG)
        parsed = options.parse(
            ["x", "--shop_size", "4", f"--plugins={path}", "--epochs=2"]
        )
        assert flags.FLAGS.shop_size == 4
        assert parsed.finetune.epochs == 2
        flagfile = write(tmp_path, "run.flags", parsed.to_flagfile())
        assert options.parse(["x", f"--flagfile={flagfile}"]) == parsed
        assert flags.FLAGS.shop_size == 4

    def test_unknown_with_plugins(self, tmp_path):
        path = write(tmp_path, "shop.py", self._FLAG)
        with pytest.raises(InputError, match="did you mean --shop_size"):
            options.parse(["x", "--shop_sise=4", f"--plugins={path}"])

    def test_of_the_plugin_of_an_earlier_run(self, tmp_path):
        path = write(tmp_path, "shop.py", self._FLAG)
        flagfile = tmp_path / "options.flags"
        flagfile.write_text(f"--plugins={path}\n--epochs=7\n")
        parsed = options.parse(
            ["x", "--shop_size=4", "--mode=evaluate", "--run=r"],
            lambda run: flagfile if run.run == "r" else None,
        )
        assert parsed.finetune.epochs == 7
        assert flags.FLAGS.shop_size == 4

    def test_full_help_has_it(self, tmp_path):
        path = write(tmp_path, "shop.py", self._FLAG)
        text = help.requested_help(["x", "--helpfull", f"--plugins={path}"])
        assert "Size of the shop." in text

    def test_taken_name_breaks_the_plugin(self, tmp_path):
        path = write(
            tmp_path, "shop.py", self._FLAG.replace("shop_size", "epochs")
        )
        (plugin,) = plugins.load_plugins([path])
        assert isinstance(plugin.error, flags.DuplicateFlagError)


def test_list_text(tmp_path):
    plugins.load_plugins(
        [write(tmp_path, "a.py", COIN), write(tmp_path, "b.py", "1 / 0")]
    )
    text = list_text()
    assert "losses  --loss=" in text
    assert "Tosses a coin" in text
    assert "(sides=2)" in text
    assert "b (" in text and "division by zero" in text


class TestNamesOfTfxdr:
    @pytest.mark.parametrize(
        ("kind", "name"),
        [
            ("backbones", "nextitnet"),
            ("datasets", "movielens"),
            ("losses", "bpr"),
            ("meta_learners", "bip"),
            ("optimizers", "adam"),
            ("policies", "last-3"),
            ("policy_networks", "gru"),
            ("tuners", "copy"),
        ],
    )
    def test_cannot_be_taken(self, tmp_path, kind, name):
        text = f'import tfxdr\ntfxdr.{kind}.register("{name}", list)\n'
        (plugin,) = plugins.load_plugins([write(tmp_path, "thief.py", text)])
        assert "is registered twice" in str(plugin.error)
        known = getattr(registry, kind)
        assert known.entry(name).factory is not list

    def test_come_before_a_plugin_that_does_not_import_them(self, tmp_path):
        """As in a process that has imported none of tfxdr's components."""
        text = (
            'from tfxdr.registry import losses\nlosses.register("bpr", list)\n'
        )
        path = write(tmp_path, "early.py", text)
        code = (
            "from tfxdr import registry\n"
            "from tfxdr.registry import plugins\n"
            f"*_, early = plugins.load_plugins([{path!r}])\n"
            "print(early)\n"
            "print(registry.losses.entry('bpr').module)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=pathlib.Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "early.py) is broken: InputError: loss 'bpr' is" in done.stdout
        assert done.stdout.endswith("tfxdr.losses.sampled\n")

    def test_stay_with_a_script_that_says_so_at_once(self):
        registry.losses.register("coin", list)
        code = (
            'from tfxdr import registry\nregistry.losses.register("coin", set)'
        )
        with pytest.raises(InputError, match="registered twice"):
            exec(compile(code, "own.py", "exec"), {"__name__": "tfxdr.own"})  # noqa: S102


def test_a_broken_plugin_stops_only_what_asks_for_it(tmp_path, capsys):
    broken = write(tmp_path, "bad.py", COIN + "1 / 0")
    assert main(["tfxdr", "--mode=list", f"--plugins={broken}"]) == 0
    assert "bad.py) is broken: ZeroDivisionError" in capsys.readouterr().out
    missing = ["tfxdr", "--mode=prepare", "--dataset=movielens(path='no')"]
    assert main([*missing, f"--plugins={broken}"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("warning: plugin bad (")
    assert said.splitlines()[-1].startswith("error: --dataset=movielens")
