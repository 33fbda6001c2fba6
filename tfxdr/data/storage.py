"""Whether what grows with the interactions is held in memory, or mapped."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path

CHOICES = AUTO, HELD, MAPPED = "auto", "true", "false"

# Bytes of an interaction in the columns of `Users`.
_ITEM, _SPLIT, _TIME, _RATING = 4, 1, 8, 4
# What training and evaluation make of the columns: their parts by split, what
# the device holds of them, and the order of an epoch.
_COPIES = 4
_CGROUP = Path("/sys/fs/cgroup")
_OWN_GROUPS = Path("/proc/self/cgroup")
# Of version 2 and 1: the controllers in a line of `_OWN_GROUPS`, where groups
# are, and the files of one.
_GROUP_FILES = (
    ("", ".", "memory.max", "memory.current", "inactive_file"),
    (
        "memory",
        "memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


def is_held(choice: str, manifest: Mapping) -> bool:
    """Whether the columns of prepared data are held.

    Args:
      choice: one of `CHOICES`; `auto` maps them where they and what is made of
        them would take more than half of the memory that is free.
      manifest: of the data.
    """
    if choice != AUTO:
        return choice == HELD
    free = free_bytes()
    return free is None or 2 * _COPIES * column_bytes(manifest) <= free


def column_bytes(manifest: Mapping) -> int:
    """What the columns take that grow with the interactions."""
    counts, columns = manifest["counts"], manifest["columns"]

    def each(domain: str) -> int:
        time, rating = columns[f"{domain}_time"], columns[f"{domain}_rating"]
        return _ITEM + _TIME * time + _RATING * rating

    return counts["source_events"] * each("history") + counts[
        "target_instances"
    ] * (_SPLIT + each("target"))


def free_bytes() -> int | None:
    """Memory that this process may still take; none where nothing says it."""
    known = (_of_machine(), _of_group(), _of_process())
    return min((free for free in known if free is not None), default=None)


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    available = found.get("MemAvailable")
    return None if available is None else int(available.split()[0]) * 1024


def _of_group() -> int | None:
    """What control groups leave, in either version.

    A container sees its own as the root of all; a service or a job of a
    cluster stands in one below, and each one above it has a limit, too.
    """
    found = []
    for controllers, folder, *names in _GROUP_FILES:
        own = _CGROUP / folder / _own_group(controllers)
        for place in (own, *own.parents):
            if place.is_relative_to(_CGROUP):
                found.append(_left(place, *names))
    return min((free for free in found if free is not None), default=None)


def _own_group(controllers: str) -> str:
    """The path of this process's group; "" where that is the root."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        return ""
    parted = (line.split(":", 2) for line in lines if line.count(":") > 1)
    paths = {kinds: path for _, kinds, path in parted}
    return paths.get(controllers, "").strip("/")


def _left(place: Path, limit: str, used: str, cached: str) -> int | None:
    """What one group leaves.

    Files that the system has cached count as used there, and are not.
    """
    try:
        most, now = (int((place / name).read_text()) for name in (limit, used))
        words = (place / "memory.stat").read_text().split()
    except (OSError, ValueError):  # There is none, or it says "max".
        return None
    if cached in words:
        now -= int(words[words.index(cached) + 1])
    return max(most - now, 0)


def _of_process() -> int | None:
    """What `ulimit` leaves of data and of addresses, before they are used."""
    limits = (
        resource.getrlimit(kind)[0]
        for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS)
    )
    return min(
        (limit for limit in limits if limit != resource.RLIM_INFINITY),
        default=None,
    )
