"""What a plugin's code has to do with what it makes."""

from __future__ import annotations

import importlib
import pathlib
import sys
import types

import pytest
from written import COIN, write

import tfxdr
from tfxdr import registry
from tfxdr.errors import InputError
from tfxdr.experiments.components import (
    chosen_specs,
    flagfile,
    with_names_of_metrics,
)
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.options import parse
from tfxdr.registry import core, plugin_code, plugins
from tfxdr.registry.plugin_code import code_of
from tfxdr.training import pretraining

SOURCE = """
import numpy as np
import tfxdr
from tfxdr.datasets import insert_arrays

@tfxdr.datasets.register("tiny")
class Tiny(tfxdr.Source):
    def load(self, connection, rejects):
        for table in ("source", "target"):
            insert_arrays(connection, "events", {
                "user": np.array(["a", "a", "b", "b"] * 9, object),
                "item": np.array([f"i{n}" for n in range(36)], object),
                "row": np.arange(36),
            })
            connection.execute(
                f"CREATE TABLE {table} AS SELECT user, item, CAST(NULL AS "
                "BIGINT) AS time, CAST(NULL AS DOUBLE) AS rating, row FROM "
                "events; DROP TABLE events")
"""
METRIC = """
import tfxdr

@tfxdr.class_metrics.register("fbeta")
def fbeta(num_classes, beta: float = 1.0):
    from tensorflow import keras
    return keras.metrics.CategoricalAccuracy()
"""


def load(folder: pathlib.Path, text: str, name: str = "code.py") -> None:
    (*_, plugin) = plugins.load_plugins([write(folder, name, text)])
    assert plugin.error is None, plugin


class TestCodeOf:
    def test_own_has_none(self):
        assert code_of("tfxdr.policies.gumbel") == ""

    def test_of_a_file_is_its_content(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        found = []
        for number in range(3):
            name = f"code_plugin_{number}"
            write(tmp_path, f"{name}.py", f"X = {number % 2}")
            importlib.import_module(name)
            found.append(code_of(name))
        assert len(set(found)) == 3  # a file's name is part of it
        assert all(len(code) == 16 for code in found)

    def test_of_a_package_is_all_its_files(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        folder = tmp_path / "code_plugin_package"
        folder.mkdir()
        write(folder, "__init__.py", "from . import one")
        write(folder, "one.py", "")
        importlib.import_module("code_plugin_package")
        before = code_of("code_plugin_package.one")
        assert before == code_of("code_plugin_package")
        code_of.cache_clear()
        write(folder, "helper.py", "X = 1")
        assert code_of("code_plugin_package.one") != before

    def test_of_a_file_is_also_what_it_imports_from_beside(self, tmp_path):
        path = tmp_path / "a.py"
        path.write_text("import json, b, far_away\nfrom c.d import e\n")
        (tmp_path / "b.py").write_text("def late():\n    import f\n")
        (tmp_path / "c").mkdir()
        for name in ("c/d.py", "f.py", "other.py"):
            (tmp_path / name).write_text("")
        found = [
            file.relative_to(tmp_path).as_posix()
            for file in plugin_code.files_of(path)
        ]
        assert found == ["a.py", "b.py", "c/d.py", "f.py"]

    def test_of_an_installed_file_is_itself(self, tmp_path):
        folder = tmp_path / "site-packages"
        folder.mkdir()
        (folder / "a.py").write_text("import b")
        (folder / "b.py").write_text("")
        assert plugin_code.files_of(folder / "a.py") == [folder / "a.py"]

    def test_does_not_depend_on_how_it_was_loaded(self, tmp_path, monkeypatch):
        monkeypatch.syspath_prepend(tmp_path)
        path = write(tmp_path, "code_plugin_loaded.py", COIN)
        importlib.import_module("code_plugin_loaded")
        before = code_of("code_plugin_loaded")
        (plugin,) = plugins.load_plugins([path])
        assert registry.losses.parse("coin").code == before

    @pytest.mark.parametrize("file", [None, "<stdin>", "/no/such.zip/a.py"])
    def test_of_no_file_is_none(self, monkeypatch, file):
        module = types.ModuleType("code_plugin_typed")
        module.__file__ = file
        monkeypatch.setitem(sys.modules, module.__name__, module)
        assert code_of(module.__name__) == ""


class TestCaches:
    def test_prepared_data(self, tmp_path):
        folders = []
        for number in range(2):
            load(tmp_path, f"{SOURCE}# {number}", f"code_{number}.py")
            made = registry.datasets.build("tiny")
            data = tfxdr.prepare(made, cache_dir=tmp_path)
            folders.append(data.folder)
            registry.datasets.revise(lambda e: e if e.name != "tiny" else None)
        assert folders[0] != folders[1]

    def test_pretrained_weights(self, monkeypatch):
        settings = pretraining.PretrainSettings(
            *(1, 1, 8, 0.1, "constant", "softmax", 1, 0, False),
            *("users", 0.2, "loss", False, 0),
        )
        spec = registry.backbones.parse("nextitnet")

        def identity() -> dict:
            return pretraining._identity("data", spec, settings)

        own = identity()
        assert "code" not in own
        monkeypatch.setattr(core, "code_of", lambda module: "c0de")
        assert identity() == {**own, "code": "c0de"}


class TestRunFolder:
    def test_compares_the_code(self, tmp_path):
        folder = RunFolder(tmp_path / "run")
        own = "--seed=1\n--split_seed=1\n--head_start=random\n"
        own += "--policy_standardize=false\n--policy_start=0.5\n"
        own += "--policy_decay=0.0\n--policy_embedding=trained\n"
        own += "--policy_retrain=false\n--meta_retrain=false\n"
        own += "--joint_negatives=0\n--joint_start=random\n"
        flags = own + "--plugins=a.py\n# code of policy a={}\n"

        def start(text, resume=True):
            folder.start(text, resume=resume, overwrite=False, say=print)

        start(flags.format("12"), resume=False)
        start(flags.format("12").replace("a.py", "/moved/a.py"))
        with pytest.raises(InputError, match="code of policy a has changed"):
            start(flags.format("34"))
        start(own + "# code of class metric new=56\n")
        assert folder.changed_code(flags.format("12")) == []
        assert folder.changed_code(flags.format("34")) == ["policy a"]

    def test_the_flagfile_has_a_line_for_each(self, tmp_path):
        load(tmp_path, SOURCE)
        options = parse(["tfxdr", "--dataset=tiny"])
        (line,) = (x for x in flagfile(options).splitlines() if "code of" in x)
        assert line.startswith("# code of dataset tiny=")
        path = write(tmp_path, "run.flags", flagfile(options))
        assert parse(["tfxdr", f"--flagfile={path}"]) == options


class TestChosen:
    def test_are_of_every_kind_that_has_a_flag(self):
        options = parse(
            [
                "tfxdr",
                *("--task=profile", "--attribute=x", "--policy=all,last-2"),
                *("--class_metrics=counted", "--callbacks=waiting"),
                "--loss=bpr",
            ]
        )
        registry.callbacks.register("waiting", lambda: None)
        registry.class_metrics.register("counted", lambda num_classes: None)
        specs = list(chosen_specs(options))
        assert {spec.registry for spec in specs} == set(registry.ALL)
        assert [str(s) for s in specs if s.kind == "policy"] == [
            "all",
            "last-2",
        ]


class TestNamesOfMetrics:
    PROFILE = ("tfxdr", "--task=profile", "--attribute=x")

    def test_are_those_of_results(self, tmp_path):
        load(tmp_path, METRIC)
        text = "--class_metrics=fbeta( beta = 2 )"
        for monitor in ("fbeta(beta=2)", "accuracy", ""):
            options = parse([*self.PROFILE, text, f"--monitor={monitor}"])
            named = with_names_of_metrics(options)
            assert named.evaluate.class_metrics == "fbeta(beta=2.0)"
            called = {"fbeta(beta=2)": "fbeta(beta=2.0)"}
            assert named.finetune.monitor == called.get(monitor, monitor)

    def test_one_twice_is_refused(self, tmp_path):
        load(tmp_path, METRIC)
        text = "--class_metrics=fbeta(beta=2),fbeta(beta=2.0)"
        with pytest.raises(InputError, match="expected different ones"):
            with_names_of_metrics(parse([*self.PROFILE, text]))

    def test_without_any_nothing_changes(self):
        options = parse(["tfxdr"])
        assert with_names_of_metrics(options) is options
