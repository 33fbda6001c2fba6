"""Two small logs, in whatever form a test wants them."""

from __future__ import annotations

import pytest

from tfxdr.datasets.events import Events

# mia, tom and eve; what each of them has done in order.
PURCHASES = (
    "user,item,timestamp\n"
    "mia,pen,1690000600\nmia,ink,1690000700\ntom,pen,1690000800\n"
    "eve,pad,1690000900\n"
)


class Read:
    """Prepared data, as a test compares them."""

    def __init__(self, data, said):
        self.data, self.said = data, said
        self.counts = data.manifest["counts"]
        self.notes = "\n".join(data.manifest["notes"])
        self.bad = data.manifest["bad_rows"]

    @property
    def histories(self):
        return self._rows(self.data.users().history, self.data.source_ids)

    @property
    def targets(self):
        return self._rows(self.data.users().target, self.data.target_ids)

    def _rows(self, rows, ids):
        return {
            user.decode(): ids[row - 2].tolist()
            for user, row in zip(self.data.users().ids, rows, strict=True)
        }


@pytest.fixture
def read(write, prepared):
    """Prepares two tables: texts, bytes, or paths that exist."""

    def read_tables(
        source,
        target=PURCHASES,
        name="views.csv",
        target_name="buys.csv",
        max_bad_rows=0,
        split="random",
        **options,
    ):
        paths = [
            str(write(called, content))
            if isinstance(content, (bytes, str))
            else content
            for content, called in ((source, name), (target, target_name))
        ]
        said = []
        data = prepared(
            Events(*paths, **options),
            max_bad_rows=max_bad_rows,
            split=split,
            report=said.append,
        )
        return Read(data, said)

    return read_tables


@pytest.fixture
def parquet(tmp_path):
    """Writes a query's result as Parquet."""
    import duckdb

    def write_query(query, name="views.parquet"):
        path = tmp_path / name
        with duckdb.connect() as connection:
            connection.sql(query).write_parquet(str(path))
        return str(path)

    return write_query
