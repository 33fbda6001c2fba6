"""Processes that wait for each other before TensorFlow begins to.

It does not come back to Python while it waits for others, and takes SIGTERM
for itself then. So it is given the word once all of them are there.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable, Iterator

PAUSE = 0.5  # seconds between two looks for another process
_TIMEOUT = 5.0  # seconds for a connection
_BACKLOG = 4096  # more than there are others
_AGAIN = "start it again by the same command"


def meet(own: str, others: Iterable[str]) -> None:
    """Lets others see that this process is there, and waits for all of them.

    Whoever has met all others leaves, and TensorFlow's server takes its place
    for those who have not.

    Args:
      own: the address at which this process is seen until then.
      others: theirs.

    Raises:
      OSError: this process cannot be reached at its own address.
    """
    with _seen(int(own.rpartition(":")[2])):
        wait_for(others)


def wait_for(addresses: Iterable[str]) -> None:
    """Comes back when somebody has answered at each of some addresses."""
    with told_how_to_go_on():
        for address in addresses:
            while not answers(address):
                time.sleep(PAUSE)


def answers(address: str) -> bool:
    """Whether somebody is at an address."""
    host, _, port = address.rpartition(":")
    place = host.strip("[]"), int(port)  # as an IPv6 address is written
    try:
        socket.create_connection(place, timeout=_TIMEOUT).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def told_how_to_go_on() -> Iterator[None]:
    """Whoever interrupts a process that waits is told what to do."""
    try:
        yield
    except KeyboardInterrupt as error:
        error.how_to_go_on = _AGAIN  # type: ignore[attr-defined]
        raise


@contextlib.contextmanager
def _seen(port: int) -> Iterator[None]:
    """Connections to a port are taken, and nothing is said."""
    try:
        server = socket.create_server(
            ("", port),
            family=socket.AF_INET6,
            backlog=_BACKLOG,
            dualstack_ipv6=True,
        )
    except (OSError, ValueError):  # This machine may have no IPv6.
        server = socket.create_server(("", port), backlog=_BACKLOG)
    with server:
        yield
