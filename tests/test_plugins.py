from __future__ import annotations

import importlib.metadata
import pathlib
import sys

import pytest
from absl import flags

import tfxdr.backbones
import tfxdr.data
import tfxdr.meta
import tfxdr.ops.losses
import tfxdr.policies
import tfxdr.policy_networks
import tfxdr.training.optimizers
import tfxdr.tuners  # noqa: F401  What a test could take the names of.
from tfxdr import options, origins, plugins, registry
from tfxdr.errors import InputError
from tfxdr.interface import INTERFACE, require_interface
from tfxdr.main import main

_COIN = """
import tfxdr

@tfxdr.losses.register("coin")
class Coin:
    \"\"\"Tosses a coin.\"\"\"

    def __init__(self, sides: int = 2):
        self.sides = sides
"""


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """Takes back what a test registers, loads and defines."""
    entries = [dict(known._entries) for known in registry.ALL]
    modules, defined = set(sys.modules), set(flags.FLAGS)
    monkeypatch.setattr(origins, "loaded_plugins", [])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: ())
    yield
    for known, before in zip(registry.ALL, entries, strict=True):
        known._entries = before
    for name in set(sys.modules) - modules:
        if "plugin" in name:
            del sys.modules[name]
    for name in set(flags.FLAGS) - defined:
        delattr(flags.FLAGS, name)


def write(folder: pathlib.Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


class TestFiles:
    def test_registers(self, tmp_path):
        (plugin,) = plugins.load_plugins([write(tmp_path, "a.py", _COIN)])
        assert plugin.error is None
        assert plugin.names == ("coin",)
        assert registry.losses.build("coin(sides=6)").sides == 6
        assert "a.py" in registry.losses.entry("coin").origin

    def test_is_loaded_once(self, tmp_path):
        path = write(tmp_path, "a.py", _COIN)
        first = plugins.load_plugins([path])
        assert plugins.load_plugins([path]) == first

    def test_missing_file(self):
        with pytest.raises(InputError, match="--plugins: no such file: no.py"):
            plugins.load_plugins(["no.py"])

    def test_does_not_hide_a_module_of_its_name(self, tmp_path):
        plugins.load_plugins([write(tmp_path, "json.py", _COIN)])
        import json

        assert json.dumps(1) == "1"

    def test_same_file_name_twice(self, tmp_path):
        (tmp_path / "other").mkdir()
        one = write(tmp_path, "a.py", _COIN)
        two = write(
            tmp_path / "other", "a.py", _COIN.replace('"coin"', '"dice"')
        )
        plugins.load_plugins([one, two])
        assert "coin" in registry.losses and "dice" in registry.losses


class TestModules:
    def test_registers(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        write(tmp_path, "some_plugin_module.py", _COIN)
        (plugin,) = plugins.load_plugins(["some_plugin_module"])
        assert plugin.error is None
        assert "coin" in registry.losses

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
            _COIN.replace('"coin"', '"penny"') + "\n" + ending,
        )
        good = write(tmp_path, "good.py", _COIN)
        broken, whole = plugins.load_plugins([bad, good])
        assert isinstance(broken.error, error)
        assert whole.error is None
        assert "coin" in registry.losses
        assert "penny" not in registry.losses
        with pytest.raises(InputError, match="bad.py") as caught:
            registry.losses.parse("penny")
        assert caught.value.__cause__ is broken.error

    def test_a_duplicate_name_breaks_the_second(self, tmp_path):
        one = write(tmp_path, "one.py", _COIN)
        two = write(tmp_path, "two.py", _COIN)
        first, second = plugins.load_plugins([one, two])
        assert first.error is None
        assert "one.py" in str(second.error) and "two.py" in str(second.error)
        assert registry.losses.build("coin").sides == 2

    def test_module_in_a_package_that_breaks(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        (tmp_path / "plugin_package").mkdir()
        write(tmp_path / "plugin_package", "__init__.py", "1 / 0")
        write(tmp_path / "plugin_package", "coin.py", _COIN)
        (plugin,) = plugins.load_plugins(["plugin_package.coin"])
        assert isinstance(plugin.error, ZeroDivisionError)

    def test_what_it_imported_whole_stays(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        write(tmp_path, "whole_plugin.py", _COIN)
        bad = write(tmp_path, "bad.py", "import whole_plugin\n1 / 0")
        plugins.load_plugins([bad])
        assert "coin" in registry.losses


class TestEntryPoints:
    def install(self, monkeypatch, folder, points: dict[str, str]) -> None:
        """A distribution that is found as an installed one is."""
        info = folder / "shop_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Name: shop-plugin\nVersion: 1.0\n")
        lines = [f"{name} = {module}" for name, module in points.items()]
        (info / "entry_points.txt").write_text(
            "\n".join(["[tfxdr.plugins]", *lines])
        )
        monkeypatch.undo()
        monkeypatch.setattr(origins, "loaded_plugins", [])
        monkeypatch.syspath_prepend(folder)

    def test_loads_and_reports_the_broken(self, tmp_path, monkeypatch):
        write(tmp_path, "good_plugin.py", _COIN)
        write(tmp_path, "bad_plugin.py", "raise RuntimeError('no licence')")
        self.install(
            monkeypatch,
            tmp_path,
            {"penny": "bad_plugin", "coin": "good_plugin"},
        )
        loaded = {plugin.name: plugin for plugin in plugins.load_plugins()}
        assert loaded["coin"].error is None
        assert loaded["penny"].origin == "distribution shop-plugin"
        with pytest.raises(InputError) as caught:
            registry.losses.parse("penny")
        assert "shop-plugin" in str(caught.value)
        assert "no licence" in str(caught.value)
        assert isinstance(caught.value.__cause__, RuntimeError)


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

    def test_taken_name_breaks_the_plugin(self, tmp_path):
        path = write(
            tmp_path, "shop.py", self._FLAG.replace("shop_size", "epochs")
        )
        (plugin,) = plugins.load_plugins([path])
        assert isinstance(plugin.error, flags.DuplicateFlagError)


def test_list_text(tmp_path):
    plugins.load_plugins(
        [write(tmp_path, "a.py", _COIN), write(tmp_path, "b.py", "1 / 0")]
    )
    text = plugins.list_text()
    assert "losses  --loss=" in text
    assert "Tosses a coin" in text
    assert "(sides=2)" in text
    assert "b (" in text and "division by zero" in text


class TestInterface:
    @pytest.mark.parametrize("version", ["1.0", INTERFACE])
    def test_of_this_version(self, version):
        require_interface(version)

    @pytest.mark.parametrize(
        ("version", "remedy"),
        [
            ("0.9", "a newer plugin"),
            ("2.0", "a newer tfxdr"),
            ("1.99", "a newer tfxdr"),
        ],
    )
    def test_of_another_is_refused_with_a_sentence(
        self, tmp_path, version, remedy
    ):
        text = f'import tfxdr\ntfxdr.require_interface("{version}")\n{_COIN}'
        (plugin,) = plugins.load_plugins([write(tmp_path, "old.py", text)])
        assert f"written for version {version} of tfxdr's" in str(plugin)
        assert remedy in str(plugin)
        assert "coin" not in registry.losses
        with pytest.raises(InputError, match="old.py.* was written for"):
            registry.losses.parse("coin")

    @pytest.mark.parametrize("version", ["1", "1.0.0", "one"])
    def test_no_version(self, version):
        with pytest.raises(ValueError, match="two numbers, like '1.0'"):
            require_interface(version)


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

    def test_are_taken_back_from_a_plugin_that_came_first(self, tmp_path):
        text = (
            "from tfxdr import registry\n"
            'registry.losses.register("coin", list)\n'
            'registry.losses.register("later", list)\n'
        )
        plugins.load_plugins([write(tmp_path, "early.py", text)])
        code = (
            'from tfxdr import registry\nregistry.losses.register("coin", set)'
        )
        exec(compile(code, "own.py", "exec"), {"__name__": "tfxdr.own"})  # noqa: S102
        (plugin,) = origins.loaded_plugins
        assert "is registered twice" in str(plugin.error)
        assert registry.losses.entry("coin").factory is set

    def test_stay_with_a_script_that_says_so_at_once(self):
        registry.losses.register("coin", list)
        code = (
            'from tfxdr import registry\nregistry.losses.register("coin", set)'
        )
        with pytest.raises(InputError, match="registered twice"):
            exec(compile(code, "own.py", "exec"), {"__name__": "tfxdr.own"})  # noqa: S102


def test_a_broken_plugin_stops_only_what_asks_for_it(tmp_path, capsys):
    broken = write(tmp_path, "bad.py", _COIN + "1 / 0")
    assert main(["tfxdr", "--mode=list", f"--plugins={broken}"]) == 0
    assert "bad.py) is broken: ZeroDivisionError" in capsys.readouterr().out
    missing = ["tfxdr", "--mode=prepare", "--dataset=movielens(path='no')"]
    assert main([*missing, f"--plugins={broken}"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("warning: plugin bad (")
    assert said.splitlines()[-1].startswith("error: --dataset=movielens")
