"""TF_CONFIG: which processes there are, and which of them this one is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tfxdr.errors import InputError

CONFIG = "TF_CONFIG"
_MOST_PORT = 65535


@dataclasses.dataclass(frozen=True)
class Task:
    """A process in its cluster.

    Attributes:
      jobs: addresses by the type of task.
      kind: the type of this one's task.
      index: from 0, among those of its type.
    """

    jobs: dict[str, list[str]]
    kind: str
    index: int

    @property
    def address(self) -> str:
        return self.jobs[self.kind][self.index]


def task_from(
    text: str | None, flag: str, example: str, kinds: Mapping[str, bool]
) -> Task:
    """Reads TF_CONFIG.

    Args:
      text: its value; `None` if it is not set.
      flag: the option that asked for it.
      example: of a value.
      kinds: the types of tasks that there may be, and whether they have to;
        of chiefs there is one at most.

    Raises:
      InputError: names the entry that is wrong, and says what is expected.
    """
    wrong = ""
    if text:
        try:
            return _task(json.loads(text), kinds)
        except ValueError as error:
            is_json = not isinstance(error, json.JSONDecodeError)
            wrong = f"{error}; " if is_json else "it is no JSON; "
    raise InputError(
        f"{flag}: {wrong}expected the environment variable {CONFIG} such as "
        f"{example}, found {text or 'none'}; docs/distributed.md shows how to "
        "set it"
    )


def _task(config: Any, kinds: Mapping[str, bool]) -> Task:
    """Raises a ValueError that names an entry."""
    cluster, task = (_object(config, name) for name in ("cluster", "task"))
    for name, needed in kinds.items():
        if needed and name not in cluster:
            raise ValueError(f"{CONFIG}: cluster has no {name!r}")
    for name in cluster:
        if name not in kinds:
            raise ValueError(
                f"{CONFIG}: cluster has {name!r}, which is none of "
                f"{', '.join(kinds)}"
            )
    _check_addresses(cluster)
    kind, index = task.get("type"), task.get("index")
    if not isinstance(kind, str) or kind not in cluster:
        raise ValueError(
            f"{CONFIG}: task.type is {kind!r}, which is none of those in "
            "cluster"
        )
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    count = len(cluster[kind])
    if type(index) is not int or not 0 <= index < count:
        raise ValueError(
            f"{CONFIG}: task.index is {index!r}, and cluster.{kind} has "
            f"{count}, counted from 0"
        )
    return Task(dict(cluster), kind, index)


def _object(config: Any, name: str) -> dict[str, Any]:
    found = config.get(name) if isinstance(config, dict) else None
    if not isinstance(found, dict) or not found:
        raise ValueError(f"{CONFIG}: {name} is missing or no object")
    return found


def _check_addresses(cluster: Mapping[str, Any]) -> None:
    known: dict[tuple[str, int], str] = {}
    for entry, address in _entries(cluster):
        place = _host_and_port(entry, address)
        if place in known:
            raise ValueError(
                f"{CONFIG}: {entry} is {address}, which is {known[place]}, too"
            )
        known[place] = entry


def _entries(cluster: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for kind, addresses in cluster.items():
        if not isinstance(addresses, list) or not addresses:
            raise ValueError(
                f"{CONFIG}: cluster.{kind} is no list of addresses"
            )
        if kind == "chief" and len(addresses) > 1:
            raise ValueError(
                f"{CONFIG}: cluster.chief has {len(addresses)}, and there is "
                "one chief at most"
            )
        for index, address in enumerate(addresses):
            yield f"cluster.{kind}[{index}]", address


def _host_and_port(entry: str, address: Any) -> tuple[str, int]:
    host, _, port = str(address).rpartition(":")
    is_number = port.isascii() and port.isdecimal() and len(port) < 6
    if (
        not isinstance(address, str)
        or not host.strip()
        or not is_number
        or not 0 < int(port) <= _MOST_PORT
    ):
        raise ValueError(
            f"{CONFIG}: {entry} is {address!r}, and no HOST:PORT with a port "
            f"from 1 to {_MOST_PORT}"
        )
    return host.lower(), int(port)
