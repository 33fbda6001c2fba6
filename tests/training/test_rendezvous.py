"""Processes that wait for each other, as threads here."""

import contextlib
import json
import socket
import threading

import pytest

from tfxdr.errors import InputError
from tfxdr.training import cluster, rendezvous


@pytest.fixture
def addresses():
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(3)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in held]


def test_nobody_goes_on_before_all_are_there(addresses, monkeypatch):
    monkeypatch.setattr(rendezvous, "PAUSE", 0.01)
    met = []

    def join(own):
        rendezvous.meet(own, [a for a in addresses if a != own])
        met.append(own)
        # What TensorFlow does then: its server takes the place.
        host, port = own.split(":")
        servers.append(socket.create_server((host, int(port))))

    servers = []
    threads = [threading.Thread(target=join, args=[a]) for a in addresses]
    for thread in threads[:2]:
        thread.start()
    threads[0].join(0.3)
    assert not met
    threads[2].start()
    for thread in threads:
        thread.join(20)
    assert sorted(met) == sorted(addresses)
    for server in servers:
        server.close()


def test_an_address_as_ipv6_writes_it():
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        assert rendezvous.answers(f"[::1]:{server.getsockname()[1]}")


def test_a_port_that_is_taken_is_told_at_once(addresses, monkeypatch):
    host, port = addresses[0].split(":")
    task = {"type": "worker", "index": 0}
    config = {"cluster": {"worker": addresses}, "task": task}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with (
        socket.create_server((host, int(port))),
        pytest.raises(InputError, match="worker 0 of 3 could not join at .*: "),
    ):
        cluster._joined(lambda line: None)


def test_whoever_interrupts_is_told_how_to_go_on(addresses, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(rendezvous.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt) as caught:
        rendezvous.wait_for(addresses[:1])
    assert "by the same command" in caught.value.how_to_go_on
