"""Files of events as Spark reads them, and the order in which rows stand."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tfxdr.data.engines.spark.work import Work, address_of
from tfxdr.datasets.readers.columns import find_layout, resolve
from tfxdr.datasets.readers.event_table import EventTable
from tfxdr.datasets.readers.files import compression, is_parquet, is_utf8
from tfxdr.datasets.readers.json_rows import is_json_lines
from tfxdr.datasets.readers.layout import Layout
from tfxdr.datasets.readers.plain_rows import count_plain_rows
from tfxdr.datasets.readers.table_files import Input
from tfxdr.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NUMERIC = ("time", "rating")
_SAMPLE = 100
_MARK = b"\xef\xbb\xbf"
_PARQUET = (".parquet", ".pq")
_NO_TABLE = (".json", ".jsonl", ".ndjson", ".orc", ".avro", ".zip", ".xz")
BROKEN = "broken"


class NotBySpark(Exception):
    """Why Spark would not read a table just as DuckDB does."""


@dataclasses.dataclass(frozen=True)
class Raw:
    """Rows as they stand in the files.

    Attributes:
      frame: `c0`, `c1`, … of any type; `broken`, the text of a row that is
        malformed; and `row`, whose order is that of the input.
      names: A role, such as `user`, to its column of the frame.
      shown: A column of the frame to what the files call it.
      told: How the files are written.
      are_texts: Whether they are of a text, in which a rating is a text too.
      rows: How many there are, if the files are of this machine.
    """

    frame: DataFrame
    names: dict[str, str]
    shown: dict[str, str]
    told: str
    are_texts: bool
    rows: int | None


def read_raw(work: Work, table: EventTable) -> Raw:
    """Reads a table's files.

    Raises:
      NotBySpark: They are of a kind that Spark reads otherwise, or not.
      InputError: A column is missing.
    """
    inputs = table.inputs
    if any(one.query for one in inputs):
        raise NotBySpark("a query of a database")
    files = [file for one in inputs for file in _files(work.session, one)]
    kinds = {_kind(file, table) for file in files}
    if len(kinds) > 1:
        raise NotBySpark("files of several kinds")
    if kinds == {"parquet"}:
        return _read_parquet(work, table, files)
    return _read_delimited(work, table, files)


def listing(session: SparkSession, address: str) -> list[Any]:
    """`path`, `length` and `modificationTime` of the files at an address."""
    frame = _binary(session, address)
    columns = frame.select("path", "length", "modificationTime")
    return sorted(columns.collect(), key=lambda row: row["path"])


def _binary(session: SparkSession, address: str) -> DataFrame:
    reader = session.read.format("binaryFile")
    return reader.option("recursiveFileLookup", "true").load(address)


def _files(session: SparkSession, one: Input) -> list[str]:
    """Its files as Spark names them: paths of this machine are absolute."""
    if not one.address:
        return [os.path.abspath(one.path)]
    found = _binary(session, one.address).inputFiles()
    if not found:
        raise InputError(
            f"--dataset=events: expected files at {one.address}, found none"
        )
    return sorted(found, key=lambda uri: unquote(uri).split("/"))


def _is_local(file: str) -> bool:
    return file.startswith("/")


def _kind(file: str, table: EventTable) -> str:
    if not _is_local(file):
        if file.endswith(_NO_TABLE):
            raise NotBySpark("neither Parquet nor CSV by its name")
        return "parquet" if file.endswith(_PARQUET) else "delimited"
    path = Path(file)
    if is_parquet(path):
        return "parquet"
    if compression(path):
        raise NotBySpark("compressed text")
    if is_json_lines(path, table.dialect.encoding):
        raise NotBySpark("JSON lines")
    return "delimited"


def _read_parquet(work: Work, table: EventTable, files: list[str]) -> Raw:
    reader = work.session.read
    reader = reader.option("basePath", _base(files))
    frame = reader.parquet(*map(_escaped, files))
    roles = resolve(Path(table.inputs[0].shown), table.columns, frame.columns)
    for name in set(roles.values()):
        kind = frame.schema[name].dataType.typeName()
        if kind in ("array", "map", "struct", "variant"):
            raise NotBySpark(f"the column {name!r} is of the type {kind}")
    places = {name: place for place, name in enumerate(frame.columns)}
    rows = None
    if all(map(_is_local, files)):
        rows = sum(_each(work, files, _parquet_rows))
    return _placed(work, frame, roles, places, files, "Parquet", rows)


def _base(files: Sequence[str]) -> str:
    """The folder from which names of folders such as day=1 are columns."""
    named = ["file://" + f if _is_local(f) else unquote(f) for f in files]
    parts = [os.path.dirname(name).split("/") for name in named]
    shared = os.path.commonprefix(parts)
    marked = [place for place, part in enumerate(shared) if "=" in part]
    return "/".join(shared[: min(marked, default=len(shared))])


def _escaped(file: str) -> str:
    return address_of(Path(file)) if _is_local(file) else _unquoted(file)


def _unquoted(uri: str) -> str:
    return re.sub(r"([\\{}\[\]*?])", r"\\\1", unquote(uri))


def _read_delimited(work: Work, table: EventTable, files: list[str]) -> Raw:
    from pyspark.sql.types import StringType, StructField, StructType

    layout, roles, counted = _layout(work, table, files)
    names = [*layout.columns, BROKEN]
    if len(set(names)) < len(names) or len(layout.delimiter) > 1:
        raise NotBySpark("columns of one name, or a delimiter of several signs")
    local = counted is not None
    reader = work.session.read.options(
        sep=layout.delimiter,
        header=layout.header,
        quote=layout.quote,
        escape=layout.quote,
        encoding="UTF-8",
        mode="PERMISSIVE",
        columnNameOfCorruptRecord=BROKEN,
        # Headers of other files are compared; of these they were before.
        enforceSchema=local or not layout.header,
        # A quoted text may hold a line's end, where nobody has looked.
        multiLine=not local,
    )
    schema = StructType([StructField(name, StringType()) for name in names])
    frame = reader.schema(schema).csv(list(map(_escaped, files)))
    places = {name: place for place, name in enumerate(names)}
    told = f"encoding {layout.encoding}, {layout}"
    return _placed(work, frame, roles, places, files, told, counted)


def _layout(
    work: Work, table: EventTable, files: list[str]
) -> tuple[Layout, dict[str, str], int | None]:
    """How the files are written, the columns, and the number of rows of files
    of this machine.

    Spark takes a line for a row: so each file is looked at by a task first.
    """
    numeric = () if "%" in table.time_format else _NUMERIC
    if not all(map(_is_local, files)):
        sample = _sample(work, files[0])
        try:
            return *find_layout(
                sample, table.columns, table.dialect, numeric
            ), None
        except InputError as error:
            shown = str(error).replace(str(sample), table.inputs[0].shown)
            raise InputError(shown) from error
    paths = list(map(Path, files))
    found = [
        find_layout(path, table.columns, table.dialect, numeric)
        for path in paths
    ]
    layout, roles = found[0]
    if any(other != layout for other, _ in found):
        raise NotBySpark("files whose columns differ")
    if layout.encoding not in ("utf-8", "ascii") or (
        layout.escape not in ("", layout.quote)
    ):
        raise NotBySpark("an encoding or quotes that Spark reads otherwise")
    counted = _each(work, files, lambda file: _plain_rows(Path(file), layout))
    if None in counted:
        raise NotBySpark("rows that are not one line of UTF-8 each")
    return layout, roles, sum(counted)


def _each(work: Work, files: Sequence[str], look: Callable) -> list:
    """What tasks find in each of the files, in order."""
    tasks = work.session.sparkContext.parallelize(files, len(files))
    return tasks.map(look).collect()


def _parquet_rows(file: str) -> int:
    import pyarrow.parquet

    return pyarrow.parquet.read_metadata(file).num_rows


def _plain_rows(path: Path, layout: Layout) -> int | None:
    """The rows of a file in which every line is one; None of another."""
    with open(path, "rb") as file:
        marked = file.read(len(_MARK)) == _MARK
    if marked or not is_utf8(path):
        return None
    return count_plain_rows(path, layout)


def _sample(work: Work, file: str) -> Path:
    """The first lines of a file that is not of this machine."""
    rows = work.session.read.text(_unquoted(file)).take(_SAMPLE)
    sample = work.folder / "sample" / os.path.basename(unquote(file))
    sample.parent.mkdir(exist_ok=True)
    sample.write_text("".join(row.value + "\n" for row in rows), "utf-8")
    return sample


def _placed(
    work: Work,
    frame: DataFrame,
    roles: dict[str, str],
    places: dict[str, int],
    files: list[str],
    told: str,
    rows: int | None,
) -> Raw:
    """Columns by their places, and where a row stands: the file's number, the
    block's, and Spark's own count, which rises inside a block."""
    from pyspark.sql import functions as F

    every = frame.select(
        "*",
        F.regexp_replace("_metadata.file_path", "^file:/+", "file:/"),
        F.col("_metadata.file_block_start"),
        F.monotonically_increasing_id(),
    )
    columns = [f"c{place}" for place in range(len(frame.columns))]
    every = every.toDF(*columns, "file", "block", "place")
    uris = {_plain(uri): uri for uri in frame.inputFiles()}
    numbers = [
        (re.sub("^file:/+", "file:/", uris[_plain(file)]), number)
        for number, file in enumerate(files)
    ]
    numbered = work.session.createDataFrame(numbers, "file string, number int")
    broken = f"c{places[BROKEN]}" if BROKEN in places else F.lit(None)
    kept = {role: f"c{places[name]}" for role, name in roles.items()}
    shown = {kept[role]: name for role, name in roles.items()}
    return Raw(
        every.join(F.broadcast(numbered), "file").select(
            *dict.fromkeys(kept.values()),
            F.struct("number", "block", "place").alias("row"),
            (F.col(broken) if isinstance(broken, str) else broken)
            .cast("string")
            .alias(BROKEN),
        ),
        kept,
        shown,
        told,
        BROKEN in places,
        rows,
    )


def _plain(file: str) -> str:
    """A file's name, however it is written."""
    if _is_local(file):
        return file
    return re.sub("^file:/+", "/", unquote(file))
