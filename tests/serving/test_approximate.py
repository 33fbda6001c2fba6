"""Indexes of large catalogues: what they find is measured, and said."""

import importlib
import json
import re
import sys

import numpy as np
import pytest
from served import HISTORIES, TARGET, strings, transfer

from tfxdr.errors import InputError
from tfxdr.serving import approximate, export, open_export

VECTORS = np.array([[1, 0], [0, 1], [0.9, 0], [-1, -1]], np.float32)
QUERIES = np.array([[1, 0.5], [0, 1]], np.float32)


def has(kind):
    """Why an index cannot be tested here; nothing where it can."""
    try:
        importlib.import_module(kind)
    except Exception:  # noqa: BLE001  Another TensorFlow's operations.
        return False
    return True


needs_scann = pytest.mark.skipif(
    not has("scann"), reason="needs scann, and the TensorFlow it was made for"
)


class TestRecall:
    @pytest.mark.parametrize(
        "found, value",
        [
            ([[0, 2], [1, 0]], 1.0),  # 0 and 2 score alike with the second
            ([[0, 2], [1, 2]], 1.0),
            ([[0, 1], [1, 3]], 0.5),
            ([[0, -1], [-1, -1]], 0.25),
        ],
    )
    def test_by_hand(self, found, value):
        found = np.array(found)
        assert approximate.recall(found, QUERIES, VECTORS) == value

    def test_batches_add_up(self, monkeypatch):
        monkeypatch.setattr(approximate, "rows_in_bounds", lambda _: 1)
        found = np.array([[0, 1], [1, 3]])
        assert approximate.recall(found, QUERIES, VECTORS) == 0.5


class Poor(approximate.Index):
    """Finds the first item alone."""

    kind = "faiss"

    def search(self, queries, k):
        return np.tile([0] + [-1] * (k - 1), (len(queries), 1))

    def write(self, folder, identifiers):
        raise AssertionError("what is refused is not written")


def test_an_index_that_finds_too_little_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(approximate, "build", lambda *_: Poor())
    servable = transfer("last-1", min_recall=0.9, kind="faiss").servable
    with pytest.raises(InputError, match=r"--min_recall=0\.9: .* finds 0\.\d+"):
        export(servable, tmp_path / "shop")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["faiss", "scann"])
def test_a_missing_package_is_named(monkeypatch, kind):
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(InputError, match=f"--export_retrieval={kind}: exp"):
        transfer("last-1", kind=kind)


def test_brute_force_has_nothing_beside_it(tmp_path):
    servable = transfer("last-1").servable
    assert servable.beside(tmp_path) == {}
    assert servable.facts["retrieval"] == "brute-force"
    assert not list(tmp_path.iterdir())


def test_an_index_of_faiss_answers_as_brute_force(tmp_path):
    import faiss

    made = export(
        transfer("last-1", min_recall=1.0, kind="faiss").servable,
        tmp_path / "shop",
    )
    said = json.loads((made.folder / "signature.json").read_text())
    assert (said["retrieval"], said["recall"]) == ("faiss", 1.0)
    assert (said["recall_at"], said["recall_users"]) == (4, len(HISTORIES))
    index = faiss.read_index(str(made.folder / said["index"]))
    ids = json.loads((made.folder / said["ids"]).read_text())
    assert ids == TARGET and index.hnsw.efSearch == 200
    answers = open_export(tmp_path / "shop")[1]._answers
    # The last one is not known to the model: its best are the most popular.
    history = strings([["a", "c"], ["f", "d"], ["", "nobody"]])
    query = answers["embed"](history=history)["query"].numpy()
    scores, places = index.search(query, 4)
    best = answers["serving_default"](history=history)
    np.testing.assert_allclose(scores, best["scores"], rtol=1e-5)
    found = [[ids[place] for place in row] for row in places]
    assert found == [
        [raw.decode() for raw in row] for row in best["items"].numpy()
    ]


def test_most_of_many_items_are_found():
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(5000, 18)).astype(np.float32)
    queries = draw.normal(size=(50, 18)).astype(np.float32)
    index = approximate.build("faiss", vectors, [], 20)
    facts = approximate.measured(index, queries, vectors, k=20, min_recall=0.9)
    assert 0.9 <= facts["recall"] <= 1
    assert facts["recall_users"] == 50


MANY = [*TARGET, *(f"t{number}" for number in range(60))]


@needs_scann
def test_scann_answers_in_the_model(tmp_path):
    made = export(
        transfer("last-1", target=MANY, min_recall=0.5, kind="scann").servable,
        tmp_path / "shop",
    )
    said = json.loads((made.folder / "signature.json").read_text())
    assert said["retrieval"] == "scann" and 0.5 <= said["recall"] <= 1
    answers = open_export(tmp_path / "shop")[1]._answers
    best = answers["serving_default"](history=strings([["a", "c"]]))
    assert best["items"].shape == best["scores"].shape == (1, 4)


@needs_scann
@pytest.mark.parametrize(
    "options, flag",
    [
        ({"exclude_history": True, "target": MANY}, "--exclude_history"),
        ({"k_max": 68, "target": MANY}, "--k_max=68"),
        ({}, "expected 16 candidates or more"),
    ],
)
def test_what_scann_cannot(options, flag):
    with pytest.raises(InputError, match=re.escape(flag)):
        transfer("last-1", kind="scann", **options)
