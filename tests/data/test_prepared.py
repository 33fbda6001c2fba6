import json

import pytest

from tfxdr.data.prepared import (
    SCHEMA_VERSION,
    PreparedData,
    write_manifest,
)
from tfxdr.datasets.events import Events
from tfxdr.datasets.synthetic import Synthetic
from tfxdr.errors import InputError


@pytest.fixture
def data(prepared):
    return prepared(Synthetic(users=40))


def test_what_a_folder_holds(data):
    names = {path.name for path in data.folder.iterdir()}
    assert names == {
        "manifest.json",
        "source_items.txt",
        "source_titles.txt",
        "target_items.txt",
        "target_titles.txt",
        *data.manifest["shards"],
    }
    assert len(data.manifest["shards"]) == 4


def test_what_a_manifest_says(data):
    manifest = data.manifest
    assert manifest["schema_version"] == SCHEMA_VERSION
    assert manifest["dataset"] == "synthetic"
    assert manifest["dataset_options"]["users"] == 40
    assert manifest["options"]["split"] == "random"
    assert manifest["library_version"]
    counts = manifest["counts"]
    total = counts["train"] + counts["validation"] + counts["test"]
    assert total == counts["target_instances"]
    with pytest.raises(TypeError):
        manifest["counts"] = {}


def test_the_row_of_a_user(data):
    ids = data.users().ids
    assert data.row_of_user(ids[-1].decode()) == len(ids) - 1
    with pytest.raises(InputError, match=f"like {ids[0].decode()}"):
        data.row_of_user("nobody")


def test_loading_again(data):
    again = PreparedData.load(data.folder)
    assert again.fingerprint == data.fingerprint
    assert again.num_target_items == 2 + len(again.target_ids)
    assert again.users() is again.users()
    assert len(again.source_titles) == len(again.source_ids)


def test_damaged_categories(prepared, tmp_path):
    paths = [tmp_path / "s.csv", tmp_path / "t.csv"]
    for path in paths:
        path.write_text("user,item,kind,timestamp\nann,a,k,1\n")
    source = Events(*map(str, paths), category="kind")
    folder = prepared(source).folder
    (folder / "source_categories.txt").write_text("l\n")
    with pytest.raises(InputError, match=r"source_categories\.txt is damaged"):
        prepared(source)


def test_a_folder_without_data(tmp_path):
    with pytest.raises(InputError, match="is no prepared data"):
        PreparedData.load(tmp_path)
    with pytest.raises(InputError, match="is no prepared data"):
        PreparedData.load(tmp_path / "nothing")


def change(data, **values):
    write_manifest(data.folder, {**data.manifest, **values})


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 0, None])
def test_another_schema_version(data, version):
    change(data, schema_version=version)
    with pytest.raises(InputError) as caught:
        PreparedData.load(data.folder)
    message = str(caught.value)
    assert f"has schema version {version}" in message
    assert f"reads {SCHEMA_VERSION}" in message
    assert "--mode=prepare" in message


def test_a_cached_folder_of_another_version(data, prepared):
    change(data, schema_version=SCHEMA_VERSION + 1)
    with pytest.raises(InputError, match="delete the folder"):
        prepared(Synthetic(users=40))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_manifest(data, text):
    (data.folder / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json is damaged"):
        PreparedData.load(data.folder)


def test_a_manifest_whose_text_is_another_one(data):
    """Valid JSON, but a count has another name, or is another number."""
    path = data.folder / "manifest.json"
    text = path.read_text()
    for before, after in (('"validation"', '"malidation"'), ('"users": ', "")):
        assert before in text
        path.write_text(text.replace(before, after or before + "1"))
        with pytest.raises(InputError, match=r"manifest\.json is damaged: its"):
            PreparedData.load(data.folder)


def test_a_manifest_of_an_earlier_version_has_no_hash(data):
    path = data.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["sha256"]
    path.write_text(json.dumps(manifest))
    found = PreparedData.load(data.folder)
    assert dict(found.manifest) == manifest == dict(data.manifest)


def test_a_foreign_manifest(data):
    change(data, format="something else")
    with pytest.raises(InputError, match="does not describe prepared data"):
        PreparedData.load(data.folder)


def names():
    shards = [f"users-0000{i}-of-00004.tfrecord" for i in range(4)]
    return [*shards, "source_items.txt", "target_titles.txt"]


@pytest.mark.parametrize("name", names())
def test_a_missing_file(data, name):
    (data.folder / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        PreparedData.load(data.folder)


@pytest.mark.parametrize("name", names())
def test_one_wrong_bit(data, name):
    path = data.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        PreparedData.load(data.folder)


def test_records_that_do_not_match_the_manifest(data):
    counts = dict(data.manifest["counts"], users=41)
    change(data, counts=counts)
    with pytest.raises(InputError, match="40 users in the records, 41"):
        PreparedData.load(data.folder).users()
