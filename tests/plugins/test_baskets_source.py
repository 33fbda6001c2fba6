from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from tfxdr.data.prepare import prepare
from tfxdr.errors import InputError
from tfxdr.registry import datasets
from tfxdr.testing import check_dataset

DATA = pathlib.Path(__file__).parents[2] / "plugins/data/baskets.jsonl"
GOOD = [
    {"customer": "ann", "viewed": ["v2", "v1", "v2"], "bought": ["b1"]},
    {"customer": "bob", "viewed": ["v1"], "bought": ["b2", "b1"]},
    {"customer": "cy", "viewed": ["v3", "v1"], "bought": []},
]


@pytest.fixture(autouse=True)
def loaded(load):
    load("baskets_source")


def read(tmp_path, lines, **options):
    path = tmp_path / "baskets.jsonl"
    path.write_text("\n".join(lines) + "\n")
    source = datasets.build(f'baskets(path="{path}")')
    return prepare(source, cache_dir=tmp_path / "cache", **options)


def test_keeps_the_order_of_a_list(tmp_path):
    data = read(tmp_path, map(json.dumps, GOOD))
    users = data.users()
    rows = {raw.decode(): row for row, raw in enumerate(users.ids)}
    for customer in GOOD:
        row = rows[customer["customer"]]
        viewed = data.source_ids[users.history[row] - 2]
        assert list(viewed) == customer["viewed"]
        bought = data.target_ids[users.target[row] - 2]
        assert sorted(bought) == sorted(customer["bought"])


def test_without_any_purchase(tmp_path):
    lines = [json.dumps({**customer, "bought": []}) for customer in GOOD]
    with pytest.raises(InputError, match="baskets: no target events are left"):
        read(tmp_path, lines)


def test_the_embedded_file():
    lines = DATA.read_text().splitlines()
    customers = [json.loads(line) for line in lines]
    assert len({customer["customer"] for customer in customers}) == 300
    assert np.mean([len(c["viewed"]) for c in customers]) > 10


def test_promises():
    check_dataset(f'baskets(path="{DATA}")')


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "expected JSON"),
        ("[1]", 'expected {"customer"'),
        ('{"viewed": [], "bought": []}', 'a name under "customer"'),
        ('{"customer": "", "viewed": [], "bought": []}', '"customer"'),
        ('{"customer": "x", "viewed": "v1", "bought": []}', '"viewed"'),
        ('{"customer": "x", "viewed": [], "bought": [3]}', '"bought"'),
    ],
)
class TestMalformed:
    def test_names_file_and_line(self, tmp_path, line, problem):
        lines = [json.dumps(GOOD[0]), line]
        with pytest.raises(InputError) as error:
            read(tmp_path, lines)
        assert "baskets.jsonl, line 2" in str(error.value)
        assert problem in str(error.value)

    def test_is_counted_where_allowed(self, tmp_path, line, problem):
        lines = [*map(json.dumps, GOOD), line]
        data = read(tmp_path, lines, max_bad_rows=1)
        assert len(data.users().ids) == 3


def test_no_path():
    with pytest.raises(InputError, match="--data_path: names no file"):
        datasets.build("baskets")
