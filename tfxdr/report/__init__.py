"""What a person reads: tables, figures, answers."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys


def _import_matplotlib() -> None:
    """Imports it whatever MPLBACKEND says: our figures need no backend.

    A notebook sets one for its child processes, whose environment may not
    have it, and matplotlib refuses to be imported then.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    matplotlib = importlib.import_module("matplotlib")
    if backend is not None:
        os.environ["MPLBACKEND"] = backend
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend  # as it does itself


_import_matplotlib()
