"""tensorflow-addons, for who needs it."""

from __future__ import annotations

import importlib
import platform
import warnings
from types import ModuleType

from tfxdr.errors import InputError


def addons(asker: str) -> ModuleType:
    """The module `tensorflow_addons`.

    Args:
      asker: what the user wrote, such as `--optimizer=lamb`.

    Raises:
      InputError: if it is not installed, or does not work here.
    """
    try:
        with warnings.catch_warnings():
            # It says that it is no longer developed, at every start.
            warnings.simplefilter("ignore")
            return importlib.import_module("tensorflow_addons")
    except ImportError as error:
        raise InputError(
            f"{asker} needs tensorflow-addons: make an environment with Python "
            '3.10 or 3.11 and run pip install "tfxdr[addons]" there (this is '
            f"Python {platform.python_version()}; {error})"
        ) from error
