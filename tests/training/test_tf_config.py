"""What TF_CONFIG may hold, and which entry is told to be wrong."""

import json

import pytest

from tfxdr.errors import InputError
from tfxdr.training.cluster import place_from
from tfxdr.training.parameter_server import task_from

WORKERS = {"worker": ["a:1", "b:2"]}
SERVERS = {"chief": ["c:1"], "ps": ["p:1"], "worker": ["w:1"]}
BOTH = [(place_from, WORKERS), (task_from, SERVERS)]


def _text(cluster, kind="worker", index=0):
    task = {"type": kind, "index": index}
    return json.dumps({"cluster": cluster, "task": task})


def _refusal(read, text):
    with pytest.raises(InputError) as caught:
        read(text)
    told = str(caught.value)
    assert told.startswith("--distribute=") and "\n" not in told
    assert f"found {text}; docs/distributed.md" in told
    return told


@pytest.mark.parametrize(("read", "cluster"), BOTH)
@pytest.mark.parametrize(
    "address",
    [
        *("a", "a:", ":1", " :1", "", ":"),
        *("a:0", "a:65536", "a:999999", "a:-1", "a:x", "a:\u0661", "a:1 "),
        *(1, None, ["a:1"]),
    ],
)
def test_what_is_no_address(read, cluster, address):
    found = {**cluster, "worker": [*cluster["worker"], address]}
    entry = (
        f"TF_CONFIG: cluster.worker[{len(cluster['worker'])}] is {address!r}"
    )
    assert entry in _refusal(read, _text(found))


@pytest.mark.parametrize(("read", "cluster"), BOTH)
@pytest.mark.parametrize("again", ["{}", "{} upper"])
def test_an_address_that_stands_twice(read, cluster, again):
    first = cluster["worker"][0]
    second = first.upper() if "upper" in again else first
    found = {**cluster, "worker": [*cluster["worker"], second]}
    told = _refusal(read, _text(found))
    place = f"cluster.worker[{len(cluster['worker'])}]"
    assert f"{place} is {second}, which is cluster.worker[0], too" in told


def test_an_address_that_two_kinds_have():
    told = _refusal(task_from, _text({**SERVERS, "ps": ["w:1"]}))
    assert "cluster.worker[0] is w:1, which is cluster.ps[0], too" in told
    told = _refusal(place_from, _text({**WORKERS, "chief": ["b:2"]}))
    assert "cluster.chief[0] is b:2, which is cluster.worker[1], too" in told


@pytest.mark.parametrize(("read", "cluster"), BOTH)
def test_two_chiefs(read, cluster):
    told = _refusal(read, _text({**cluster, "chief": ["c:1", "d:1"]}))
    assert "cluster.chief has 2, and there is one chief at most" in told


@pytest.mark.parametrize(("read", "cluster"), BOTH)
@pytest.mark.parametrize("index", [-1, 5, "x", "-1", True, None, 0.0, [0]])
def test_an_index_of_nobody(read, cluster, index):
    told = _refusal(read, _text(cluster, index=index))
    count = len(cluster["worker"])
    assert f"task.index is {index!r}, and cluster.worker has {count}, c" in told


@pytest.mark.parametrize(("read", "cluster"), BOTH)
@pytest.mark.parametrize("kind", ["evaluator", "", None, 1, ["worker"]])
def test_a_kind_of_nobody(read, cluster, kind):
    told = _refusal(read, _text(cluster, kind=kind))
    assert f"task.type is {kind!r}, which is none of those" in told


@pytest.mark.parametrize(("read", "cluster"), BOTH)
def test_a_kind_that_has_no_part(read, cluster):
    told = _refusal(read, _text({**cluster, "evaluator": ["e:1"]}))
    assert "cluster has 'evaluator', which is none of chief, " in told


@pytest.mark.parametrize("kind", ["chief", "ps", "worker"])
def test_a_kind_that_is_missing(kind):
    found = {k: v for k, v in SERVERS.items() if k != kind}
    told = _refusal(task_from, _text(found, next(iter(found))))
    assert f"cluster has no {kind!r}" in told


@pytest.mark.parametrize("addresses", [[], {"0": "a:1"}, "a:1", None])
def test_what_is_no_list(addresses):
    told = _refusal(place_from, _text({"worker": addresses}))
    assert "cluster.worker is no list of addresses" in told


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"cluster": []}'])
def test_what_is_no_cluster(text):
    assert "cluster is missing or no object" in _refusal(place_from, text)


def test_numbers_as_text_are_numbers():
    """As a shell that fills in a variable writes them."""
    assert place_from(_text(WORKERS, index="1")).index == 1
    assert task_from(_text(SERVERS, "ps", "0")) == (SERVERS, "ps", 0)
    place = place_from(_text({"worker": ["[::1]:1", "[::1]:2"]}, index=1))
    assert place.addresses[place.index] == "[::1]:2"
