"""Tables of a preparation that is under way, kept as Parquet.

What is kept is fixed: a lost worker or a task that is tried again reads what
was written, and does not sort or draw anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

_PATTERN = re.compile(r"([\\{}\[\]*?])")


class Work:
    """A folder that this process and all workers see."""

    def __init__(self, session: SparkSession, folder: Path):
        self.session = session
        self.folder = folder.absolute()

    def address(self, name: str) -> str:
        """A table as Spark reads it, whatever signs the folder's name has."""
        return address_of(self.folder / name)

    def files(self, name: str) -> list[Path]:
        """The files of a table, in the order of its partitions."""
        return sorted((self.folder / name).glob("*.parquet"))

    def read(self, name: str) -> DataFrame:
        """A table that stands in the folder."""
        return self.session.read.parquet(self.address(name))

    def keep(self, frame: DataFrame, name: str) -> DataFrame:
        """Writes a table, and reads it from there.

        Raises:
          InputError: Rows that tasks have written are not to be found.
        """
        from pyspark.sql import Observation
        from pyspark.sql import functions as F

        written = Observation()
        count = F.count(F.lit(1)).alias("rows")
        frame.observe(written, count).write.parquet(
            "file://" + str(self.folder / name)
        )
        found, expected = sum(self._rows(name).values()), written.get["rows"]
        if found != expected:
            raise InputError(
                f"--cache_dir: Spark's tasks have written {expected:,} rows of "
                f"{name}, found {found:,} of them in {self.folder}; name a "
                "folder that this machine and all workers share"
            )
        reader = self.session.read.schema(frame.schema)
        return reader.parquet(self.address(name))

    def ranked(
        self, frame: DataFrame, order: Sequence[Column | str], name: str
    ) -> tuple[DataFrame, int]:
        """A table with the column `rank`, from 0, and the number of its rows.

        It is sorted over all partitions; a rank is the rows of the files
        before and the place in the file, so that no task sees all rows.
        """
        from pyspark.sql import functions as F

        kept = self.keep(frame.orderBy(*order), name)
        starts, total = [], 0
        for file, rows in self._rows(name).items():
            starts.append((file, total))
            total += rows
        offsets = self.session.createDataFrame(
            starts, "file string, start bigint"
        )
        placed = kept.select(
            "*",
            F.col("_metadata.file_name").alias("file"),
            F.col("_metadata.row_index").alias("place"),
        )
        rank = (F.col("start") + F.col("place")).alias("rank")
        joined = placed.join(F.broadcast(offsets), "file")
        return joined.select(*frame.columns, rank), total

    def texts(self, name: str, column: str) -> list[str]:
        """A column of a table that was kept in order."""
        import pyarrow.parquet

        return [
            text
            for path in self.files(name)
            for text in pyarrow.parquet.read_table(path, columns=[column])[
                column
            ].to_pylist()
        ]

    def _rows(self, name: str) -> dict[str, int]:
        """File to the number of its rows, in the order of partitions."""
        import pyarrow.parquet

        return {
            path.name: pyarrow.parquet.read_metadata(path).num_rows
            for path in self.files(name)
        }


def address_of(path: Path) -> str:
    """A path of this machine, in which no sign stands for others."""
    return "file://" + _PATTERN.sub(r"\\\1", str(path.absolute()))
