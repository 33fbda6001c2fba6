"""Files of named arrays, one number or row for each user or instance."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from tfxdr import errors
from tfxdr.files import file_aside

_Saved = TypeVar("_Saved", bound="SavedArrays")


class SavedArrays:
    """A dataclass of arrays that are equally long, with a file of its own.

    Attributes:
      what: the arrays are, for errors: `ranks`.
      types: of the arrays in the file, by the names of the fields.
    """

    what: ClassVar[str]
    types: ClassVar[Mapping[str, npt.DTypeLike]]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an npz file; see `save_arrays`."""
        arrays = {
            name: np.asarray(getattr(self, name), dtype)
            for name, dtype in self.types.items()
        }
        save_arrays(path, **arrays)

    @classmethod
    def load(cls: type[_Saved], path: str | os.PathLike[str]) -> _Saved:
        """Reads what `save` wrote.

        Raises:
          InputError: the file is missing, damaged or of another kind.
        """
        arrays = load_arrays(path, cls.what, cls.types)
        try:
            return cls(**arrays)
        except ValueError as error:
            raise errors.InputError(
                f"{path} is no file of {cls.what} ({error}); train the run "
                "again with --overwrite"
            ) from error


def save_arrays(path: str | os.PathLike[str], **arrays: npt.ArrayLike) -> None:
    """Writes an npz file that appears under `path` only when complete.

    Raises:
      InputError: the place cannot be written, or the disk is full.
    """
    with file_aside(Path(path)) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def load_arrays(
    path: str | os.PathLike[str],
    what: str,
    types: Mapping[str, npt.DTypeLike],
) -> dict[str, np.ndarray]:
    """Reads what `save_arrays` wrote.

    Args:
      path: of the file.
      what: it holds, for errors: `ranks`.
      types: of the arrays that it should hold, by name.

    Raises:
      InputError: the file is missing, damaged or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {
                name: np.asarray(file[name], dtype)
                for name, dtype in types.items()
            }
    except FileNotFoundError:
        raise errors.InputError(
            f"there is no file of {what} at {path}"
        ) from None
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        raise errors.InputError(
            f"{path} is no file of {what} ({error}): expected an npz file "
            f"with {', '.join(types)}; train the run again with --overwrite"
        ) from error
    if len({array.shape[:1] for array in arrays.values()}) != 1:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise errors.InputError(
            f"{path}: {', '.join(types)} should be equally long, found "
            f"{shapes}; train the run again with --overwrite"
        )
    return arrays
