"""Installed plugins."""

from __future__ import annotations

import sys

import pytest
from written import COIN, write

from tfxdr import registry
from tfxdr.errors import InputError
from tfxdr.registry import origins, plugins


def forget_the_pack(monkeypatch) -> None:
    """As in a process that has not loaded it yet."""
    for known in registry.ALL:
        known.revise(lambda e: e if not of_the_pack(e.module) else None)
    for module in filter(of_the_pack, list(sys.modules)):
        monkeypatch.delitem(sys.modules, module)


def of_the_pack(module: str) -> bool:
    return module.partition(".")[0] == "tfxdr_addons"


class TestEntryPoints:
    def install(
        self, monkeypatch, folder, points: dict[str, str], name="shop-plugin"
    ) -> None:
        """A distribution that is found as an installed one is."""
        info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
        lines = [f"{name} = {module}" for name, module in points.items()]
        (info / "entry_points.txt").write_text(
            "\n".join(["[tfxdr.plugins]", *lines])
        )
        monkeypatch.undo()
        monkeypatch.setattr(origins, "loaded_plugins", [])
        monkeypatch.syspath_prepend(folder)
        forget_the_pack(monkeypatch)

    def test_loads_and_reports_the_broken(self, tmp_path, monkeypatch):
        write(tmp_path, "good_plugin.py", COIN)
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

    def test_the_pack_comes_before_others(self, tmp_path, monkeypatch):
        thief = COIN.replace("losses", "class_metrics").replace("coin", "f1")
        write(tmp_path, "a_thief_plugin.py", thief)
        self.install(monkeypatch, tmp_path, {"f1": "a_thief_plugin"}, "a-thief")
        loaded = {plugin.name: plugin for plugin in plugins.load_plugins()}
        assert loaded["addons"].error is None
        assert "registered twice" in str(loaded["f1"].error)
        assert "lamb" in registry.optimizers

    def test_others_come_by_their_names(self, tmp_path, monkeypatch):
        for name in ("b", "a"):
            write(tmp_path, f"{name}_plugin.py", COIN)
            self.install(
                monkeypatch, tmp_path / name, {"coin": f"{name}_plugin"}, name
            )
        monkeypatch.syspath_prepend(tmp_path)
        plugins.load_plugins()
        origin = registry.losses.entry("coin").origin
        assert origin == "coin (distribution a)"

    def test_a_malformed_one_is_broken(self, tmp_path, monkeypatch):
        self.install(monkeypatch, tmp_path, {"coin": "no-module"})
        loaded = {plugin.name: plugin for plugin in plugins.load_plugins()}
        assert loaded["coin"].error is not None

    def test_a_file_that_is_installed_too_is_one(self, tmp_path, monkeypatch):
        path = write(tmp_path, "both_plugin.py", COIN)
        self.install(monkeypatch, tmp_path, {"coin": "both_plugin"})
        loaded = plugins.load_plugins([path])
        assert [p.name for p in loaded if p.error] == []
        assert registry.losses.build("coin").sides == 2

    def test_a_file_of_an_installed_package_is_it(self, tmp_path, monkeypatch):
        folder = tmp_path / "deep_plugin"
        folder.mkdir()
        write(folder, "__init__.py", "from . import coins")
        path = write(folder, "coins.py", COIN)
        self.install(monkeypatch, tmp_path, {"deep": "deep_plugin"})
        loaded = plugins.load_plugins([path])
        assert [str(p) for p in loaded if p.error or not p.names] == []

    def test_a_given_file_with_a_name_of_theirs_is_refused(
        self, tmp_path, monkeypatch
    ):
        write(tmp_path, "installed_plugin.py", COIN)
        self.install(monkeypatch, tmp_path, {"coin": "installed_plugin"})
        path = write(tmp_path, "edited.py", COIN)
        *_, edited = plugins.load_plugins([path])
        assert "edited.py) is broken" in str(edited)
        assert "installed_plugin.py:4" in str(edited)
        assert "edited.py:4" in str(edited)
