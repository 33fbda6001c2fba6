"""The outcome of an evaluation: one rank per held-out instance."""

from __future__ import annotations

import dataclasses
import os
import zipfile

import numpy as np

from tfxdr import errors


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Per-instance ranks in user-row order.

    Attributes:
      user: `[instances]` int32 rows of the users.
      item: `[instances]` int32 ids of the positives.
      rank: `[instances]` int32, 1 is best.
    """

    user: np.ndarray
    item: np.ndarray
    rank: np.ndarray

    def __len__(self) -> int:
        return len(self.rank)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an npz file that appears under `path` only when complete."""
        aside = f"{os.fspath(path)}.{os.getpid()}.tmp"
        try:
            with open(aside, "wb") as file:
                np.savez(file, user=self.user, item=self.item, rank=self.rank)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        finally:
            if os.path.exists(aside):
                os.remove(aside)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Ranking:
        """Reads what `save` wrote.

        Raises:
          InputError: the file is missing, damaged or no file of ranks.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {
                    field.name: np.asarray(file[field.name], np.int32)
                    for field in dataclasses.fields(cls)
                }
        except FileNotFoundError:
            raise errors.InputError(
                f"there is no file of ranks at {path}."
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
                f"{path} is no file of ranks ({error}): expected an npz file "
                "with user, item and rank. Evaluate the run again to write it."
            ) from error
        if len({array.shape for array in arrays.values()}) != 1:
            shapes = {name: array.shape for name, array in arrays.items()}
            raise errors.InputError(
                f"{path}: user, item and rank should be equally long, found "
                f"{shapes}. Evaluate the run again to write it."
            )
        return cls(**arrays)
