"""Root as others are: modes of files and folders count for it, too.

A process of root writes anywhere by two of its capabilities. They are laid down
for this thread, so that it is the kernel that refuses, as it refuses others.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

_VERSION = 0x20080522  # of capget(2), with 64 bits
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of capabilities(7).
_ANYWHERE = 1 << 1 | 1 << 2


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Half(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint32)
        for name in ("effective", "permitted", "inheritable")
    ]


@contextlib.contextmanager
def modes_count() -> Iterator[None]:
    """In the block, this thread cannot write where modes forbid it."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, halves = _Header(_VERSION, 0), (_Half * 2)()
    _call(libc.capget, header, halves)
    before = halves[0].effective
    halves[0].effective = before & ~_ANYWHERE
    _call(libc.capset, header, halves)
    try:
        yield
    finally:
        halves[0].effective = before
        _call(libc.capset, header, halves)


def _call(function, header: _Header, halves: ctypes.Array) -> None:
    if function(ctypes.byref(header), halves):
        raise OSError(ctypes.get_errno(), "capabilities cannot be changed")
