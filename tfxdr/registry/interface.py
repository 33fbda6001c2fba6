"""Which version of the interface plugins are written for."""

from __future__ import annotations

import re

from tfxdr.errors import InputError

# Raise the first number when a plugin that works has to be changed, the second
# when there is something new that a plugin may need.
INTERFACE = "1.0"


def require_interface(version: str) -> None:
    """Refuses a plugin that was written for another interface.

    The first line of a plugin that wants to be told apart from a later one:

        tfxdr.require_interface("1.0")

    Args:
      version: of the interface that the plugin was written for,
        `tfxdr.INTERFACE` at that time.

    Raises:
      InputError: the first number is not this tfxdr's, or the second is above
        it.
      ValueError: it is no version.
    """
    if not re.fullmatch(r"\d+\.\d+", version):
        raise ValueError(
            f"version should be two numbers, like {INTERFACE!r}. "
            f"Received: {version!r}"
        )
    wanted, here = _numbers(version), _numbers(INTERFACE)
    if wanted[0] == here[0] and wanted[1] <= here[1]:
        return
    remedy = "a newer tfxdr" if wanted > here else "a newer plugin"
    raise InputError(
        f"it was written for version {version} of tfxdr's plugin interface, "
        f"and this tfxdr has {INTERFACE}: install {remedy}"
    )


def _numbers(version: str) -> tuple[int, int]:
    major, minor = version.split(".")
    return int(major), int(minor)
