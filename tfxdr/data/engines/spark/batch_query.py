"""DuckDB's SQL in Spark's tasks: what a row means is said once for both."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tfxdr.datasets.readers.duck import open_database

if TYPE_CHECKING:
    import pyarrow

BATCH = "batch"


@dataclasses.dataclass(frozen=True)
class BatchQuery:
    """A function of batches that answers a query of each.

    Attributes:
      query: SQL of DuckDB; the batch is the table `batch`.
    """

    query: str

    def __call__(
        self, batches: Iterable[pyarrow.RecordBatch]
    ) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        with open_database() as connection:
            # Tasks are Spark's threads; times without a zone are UTC.
            connection.execute("SET threads = 1")
            connection.execute("SET TimeZone = 'UTC'")
            for batch in batches:
                connection.register(BATCH, pyarrow.Table.from_batches([batch]))
                answer = connection.sql(self.query).to_arrow_table()
                connection.unregister(BATCH)
                yield from answer.to_batches()
