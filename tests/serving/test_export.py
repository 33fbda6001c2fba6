"""What is published, and that nothing else is."""

import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from served import HISTORIES, TARGET, joint, transfer

from tfxdr.errors import InputError, TrainingError
from tfxdr.serving import export, open_export, warm_up
from tfxdr.serving.servable import STRANGER

pytest.importorskip(
    "tensorflow_serving.apis",
    reason="TensorFlow Serving's protos are not installed",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """An export with titles, twice."""
    folder = tmp_path_factory.mktemp("export") / "shop"
    servable = transfer().servable
    for _ in range(2):
        made = export(
            servable,
            folder,
            warm_up_sizes=(1, 3),
            about={"policy": "gumbel"},
            titles={"c": "See", "h": ""},
        )
    assert (made.folder, made.compared, made.records) == (folder / "2", 4, 12)
    return folder


def test_versions_count_up_and_nothing_else_is_there(base):
    assert sorted(path.name for path in base.iterdir()) == ["1", "2"]
    (base / "7").mkdir()
    assert export(joint(), base).folder == base / "8"
    for name in ("7", "8"):
        subprocess.run(["rm", "-r", str(base / name)], check=True)


def test_signature_json_says_what_each_tensor_is(base):
    said = json.loads((base / "2" / "signature.json").read_text())
    loaded = tf.saved_model.load(str(base / "2")).signatures
    assert set(said["signatures"]) == set(loaded)
    for name, function in loaded.items():
        inputs = function.structured_input_signature[1]
        for side, specs in (
            ("inputs", inputs),
            ("outputs", function.structured_outputs),
        ):
            tensors = said["signatures"][name][side]
            assert set(tensors) == set(specs)
            for key, spec in specs.items():
                shape = [-1 if size is None else size for size in spec.shape]
                assert tensors[key]["shape"] == shape
                assert tensors[key]["dtype"] == spec.dtype.name
                assert len(tensors[key]["meaning"]) > 10
    assert said["blocks"] == ["block1", "block2"]
    assert (said["policy"], said["k_max"]) == ("gumbel", 4)


def test_the_readme_names_every_tensor(base):
    text = (base / "2" / "README.md").read_text()
    for name in ("history", "candidates", "items", "scores", "user_vector"):
        assert f"`{name}`" in text
    assert "--model_name=shop" in text


class TestWarmUp:
    def test_there_is_a_record_for_each_size_and_one_of_strangers(self, base):
        log = warm_up.protos()
        requests = list(warm_up._requests(base / "2" / warm_up.PLACE, log))
        seen = {}
        for request in requests:
            assert request.model_spec.name == "shop"
            history = tf.make_ndarray(request.inputs["history"])
            strange = STRANGER.encode() in history
            key = request.model_spec.signature_name
            seen.setdefault(key, []).append((len(history), strange))
        wanted = [(1, False), (3, False), (1, True)]
        assert seen == dict.fromkeys(
            ["serving_default", "score", "embed", "explain"], wanted
        )

    def test_a_record_that_fails_is_not_published(self, tmp_path, monkeypatch):
        servable = transfer("last-1").servable
        broken = servable.signatures["embed"]
        object.__setattr__(
            broken, "request", lambda size, strange: {"history": np.ones(3)}
        )
        with pytest.raises(
            TrainingError, match=r"record 4 \(signature embed\)"
        ):
            export(servable, tmp_path / "base")
        assert list(tmp_path.iterdir()) == []

    def test_without_the_protos_there_are_none(self, tmp_path, monkeypatch):
        monkeypatch.setattr(warm_up, "protos", lambda: None)
        made = export(transfer("last-1").servable, tmp_path / "base")
        assert made.records is None
        assert not (made.folder / "assets.extra").exists()


class TestNothingIsPublished:
    def test_that_answers_otherwise(self, tmp_path, monkeypatch):
        made = transfer("last-1")
        kernel = made.model.head.kernel
        check = made.servable.check

        def moved(answers):
            kernel.assign_add(tf.ones_like(kernel))
            return check(answers)

        monkeypatch.setattr(made.servable, "check", moved)
        with pytest.raises(TrainingError, match="nothing was published"):
            export(made.servable, tmp_path / "base")
        assert list(tmp_path.iterdir()) == []

    def test_where_another_process_was_first(self, tmp_path, monkeypatch):
        made = transfer("last-1")
        check = made.servable.check

        def late(answers):
            (tmp_path / "base" / "1").mkdir()
            (tmp_path / "base" / "1" / "theirs").touch()
            return check(answers)

        monkeypatch.setattr(made.servable, "check", late)
        with pytest.raises(InputError, match="by another process meanwhile"):
            export(made.servable, tmp_path / "base")
        found = [path.name for path in (tmp_path / "base").rglob("*")]
        assert sorted(found) == ["1", "theirs"]

    def test_into_a_file(self, tmp_path):
        (tmp_path / "base").touch()
        with pytest.raises(InputError, match="expected a folder, found a file"):
            export(transfer("last-1").servable, tmp_path / "base")


class TestReading:
    def test_the_newest_version_answers_with_titles(self, base):
        folder, recommender = open_export(base)
        assert folder == base / "2"
        made = transfer()
        own = made.scores(HISTORIES[0])
        found = recommender.for_history(HISTORIES[0], k=3)
        assert [one.item for one in found] == sorted(
            own, key=own.get, reverse=True
        )[:3]
        titles = {one.item: one.title for one in found}
        assert set(titles.values()) <= {"", "See"}
        assert set(recommender.actions(HISTORIES[0])) == {"block1", "block2"}
        assert recommender.unknown(["a", "zz"]) == ["zz"]
        with pytest.raises(
            InputError, match="--k=9: .* at most 4 .* --k_max=9"
        ):
            recommender.for_history(["a"], k=9)

    def test_one_version_can_be_named(self, base):
        assert open_export(base / "1")[0] == base / "1"

    def test_a_folder_without_an_export(self, tmp_path):
        with pytest.raises(InputError, match="found no export"):
            open_export(tmp_path)

    def test_an_export_of_another_kind(self, tmp_path):
        (tmp_path / "signature.json").write_text('{"format": "other"}')
        with pytest.raises(InputError, match="does not describe an export"):
            open_export(tmp_path)

    def test_a_damaged_export(self, base, tmp_path):
        said = (base / "1" / "signature.json").read_text()
        (tmp_path / "signature.json").write_text(said)
        with pytest.raises(InputError, match="cannot be loaded"):
            open_export(tmp_path)

    def test_a_description_that_lacks_something(self, base, tmp_path):
        text = (base / "1" / "signature.json").read_text()
        for name in ("k_max", "max_history", "blocks"):
            assert f'"{name}"' in text
            found = text.replace(f'"{name}"', '"other"')
            (tmp_path / "signature.json").write_text(found)
            with pytest.raises(InputError, match=f"expected {name}, found"):
                open_export(tmp_path)

    def test_variables_that_end_early(self, base, tmp_path):
        copy = tmp_path / "copy"
        shutil.copytree(base / "1", copy)
        (path,) = (copy / "variables").glob("*.data-*")
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(InputError, match="cannot be loaded"):
            open_export(copy)


ALONE = """
import json, sys
sys.modules["tfxdr"] = None  # importing it fails
import tensorflow as tf
answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"](
    history=tf.constant([["a", "c", "e"], ["", "", "b"]])
)
items = [raw.decode() for raw in answer["items"].numpy()[0]]
print(json.dumps([items, answer["scores"].numpy()[0].tolist()]))
"""


def test_it_runs_where_tfxdr_is_not(base):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(base / "2")],
        cwd=base,
        capture_output=True,
        text=True,
        check=True,
    )
    items, scores = json.loads(done.stdout.splitlines()[-1])
    own = transfer().scores(["a", "c", "e"])
    best = sorted(own, key=own.get, reverse=True)[:4]
    assert items == best
    np.testing.assert_allclose(scores, [own[raw] for raw in best], rtol=1e-4)


def cli(*arguments):
    command = pathlib.Path(sys.executable).with_name("saved_model_cli")
    if not command.exists():
        pytest.skip(f"no saved_model_cli beside {sys.executable}")
    done = subprocess.run(
        [str(command), *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_saved_model_cli_shows_every_signature(base):
    said = cli("show", "--dir", base / "2", "--all")
    for name in ("serving_default", "score", "embed", "explain"):
        assert f"signature_def['{name}']" in said


def test_saved_model_cli_runs_signatures(base, tmp_path):
    answers = transfer().servable.answers()
    inputs = {"history": np.array([["a", "c"], ["", "b"]], object)}
    names = {"candidates": np.array([TARGET] * 2, object)}
    for signature in ("serving_default", "score"):
        function = answers[signature]
        sent = inputs | (names if signature == "score" else {})
        flags = ";".join(f"{k}={v.tolist()!r}" for k, v in sent.items())
        folder = tmp_path / signature
        cli(
            *("run", "--dir", base / "2", "--tag_set", "serve"),
            *("--signature_def", signature, "--input_exprs", flags),
            *("--outdir", folder),
        )
        answer = function(**{k: tf.constant(v) for k, v in sent.items()})
        for name, tensor in answer.items():
            found = np.load(folder / f"{name}.npy", allow_pickle=True)
            if tensor.dtype == tf.string:
                assert found.tolist() == tensor.numpy().tolist()
            else:
                np.testing.assert_allclose(found, tensor, atol=1e-5)
