"""What the chief of parameter servers refuses, and how servers end."""

import socket
import threading
import types

import pytest
import tensorflow as tf

from tfxdr.backbones import create
from tfxdr.errors import InputError
from tfxdr.models.pretrain import PretrainModel
from tfxdr.training import parameter_server, rendezvous
from tfxdr.training.parameter_server import ParameterServers


def _stage(name):
    backbone = create(f"{name}(channels=8)", num_items=9)
    model = PretrainModel(backbone, 9, loss="sampled_softmax")
    model(tf.zeros([1, 1], tf.int32))
    return types.SimpleNamespace(model=model)


# Without a cluster, which a check asks nothing.
_SERVERS = object.__new__(ParameterServers)


@pytest.mark.parametrize("name", ["bert4rec", "hstu"])
def test_a_softmax_of_another_table_is_refused(name):
    with pytest.raises(InputError, match=f"found {name}, which computes"):
        _SERVERS.check(_stage(name))


@pytest.mark.parametrize("name", ["gru4rec", "sasrec"])
def test_a_softmax_of_the_table_itself_is_not(name):
    _SERVERS.check(_stage(name))


def test_a_server_outlasts_its_chief(monkeypatch):
    """It waits for one that is not there yet, and ends after it."""
    monkeypatch.setattr(rendezvous, "PAUSE", 0.01)
    chief = socket.socket()
    chief.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{chief.getsockname()[1]}"
    server = threading.Thread(target=parameter_server._outlast, args=[address])
    server.start()
    server.join(0.2)
    assert server.is_alive()
    chief.listen(100)
    server.join(0.2)
    assert server.is_alive()
    chief.close()
    server.join(10)
    assert not server.is_alive()
