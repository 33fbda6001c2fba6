"""The data source that options name."""

from __future__ import annotations

import dataclasses

from tfxdr.errors import InputError
from tfxdr.options.groups import Data
from tfxdr.registry import Spec, datasets


def chosen_dataset(options: Data) -> Spec:
    """The one of --dataset, reading from --data_path if that is given.

    Raises:
      InputError: there is no such source, or it reads no path.
    """
    dataset = datasets.parse(options.dataset)
    if not options.data_path:
        return dataset
    return _read_from(dataset, options.data_path)


def _read_from(dataset: Spec, path: str) -> Spec:
    """A data source that reads a folder or file.

    Raises:
      InputError: it reads none.
    """
    if not dataset.entry.takes("path"):
        raise InputError(
            f"--data_path: expected a data source that reads one folder or "
            f"file, found --dataset={dataset.name}; leave the flag out, and "
            "name what it reads by its own options "
            f"(--mode=list {dataset.name})"
        )
    given = {**dataset.options, "path": path}
    return dataclasses.replace(dataset, options=given)
