"""Times as tables have them: numbers of some unit, dates, a format."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import duckdb

from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.errors import InputError

ABSENT, NUMBERS, DATES = "absent", "numbers", "dates"
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
UNIT_NAMES = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
# Numbers below are no time since 1970 that a log of today holds, but a count;
# a unit's numbers, from 1973 on, are below the next one's.
_LEAST = {"s": 10**8, "ms": 10**11, "us": 10**14, "ns": 10**17}
# Dates written without signs between, and the range of their numbers.
_COMPACT = {
    "%Y%m%d": (19000101, 21001231),
    "%Y%m%d%H%M%S": (19000101000000, 21001231235959),
}
_FINER = {"s": "us", "ms": "us", "us": "ns", "ns": "ns"}
AS_THEY_ARE, MILLIONTHS = "", "millionths"


@dataclasses.dataclass(frozen=True)
class Times:
    """How a column of times is written.

    Attributes:
      form: `ABSENT`, `NUMBERS`, `DATES`, or a format of strptime.
      unit: Of numbers: one of `UNITS`, a compact date's format, or "".
      fractions: Whether there are numbers that are not whole.
      mixed: Whether some numbers are of another unit than most.
    """

    form: str
    unit: str = ""
    fractions: bool = False
    mixed: bool = False

    def __str__(self) -> str:
        if self.form == NUMBERS:
            unit = UNIT_NAMES.get(self.unit, self.unit) or "no known unit"
            return f"times are numbers ({unit})"
        if self.form == ABSENT:
            return "no times"
        if self.form == DATES:
            return "times are dates"
        return f"times are dates written {self.form}"

    @property
    def expected(self) -> str:
        """What is wrong with a time that is none."""
        if self.form == NUMBERS:
            return "the time should be a number, as others in this column are"
        if self.form == DATES:
            return (
                "the time should be a date like 2024-05-31 or 2024-05-31 "
                "12:00:00; say how others are written by time_format, as "
                "time_format='%d/%m/%Y'"
            )
        return f"the time should be a date written {self.form}"

    @property
    def other_unit(self) -> str:
        """What is wrong with a number of another unit."""
        unit = UNIT_NAMES[self.unit]
        return (
            f"most times of this column are {unit}, this one would be of "
            f"another unit; if it is not, say so by time_format={self.unit}"
        )

    def is_of_other_unit(self, text: str) -> str:
        """SQL that is true of a number of another unit than most."""
        size = f"abs(TRY_CAST({text} AS DOUBLE))"
        most = _LEAST[self.unit] * (10**3 if self.unit != "ns" else 10**6)
        return (
            f"coalesce({size} >= {_LEAST['s']} AND "
            f"({size} < {_LEAST[self.unit]} OR {size} >= {most}), false)"
        )

    def sql(self, text: str, scale: str = AS_THEY_ARE) -> str:
        """SQL of a time as BIGINT; NULL where it is none.

        Args:
          text: SQL of the column as VARCHAR.
          scale: As `common_scale` says.
        """
        if self.form == ABSENT:
            return "CAST(NULL AS BIGINT)"
        if self.form != NUMBERS:
            return self._date(text, scale)
        if scale == AS_THEY_ARE:
            return f"TRY_CAST({text} AS BIGINT)"
        if self.unit in _COMPACT and scale != MILLIONTHS:
            whole = f"CAST(TRY_CAST({text} AS BIGINT) AS VARCHAR)"
            return Times(self.unit)._date(whole, scale)
        factor = (
            UNITS["us"]
            if scale == MILLIONTHS
            else UNITS[scale] // UNITS[self.unit]
        )
        if not self.fractions:
            number = f"CAST(TRY_CAST({text} AS BIGINT) AS HUGEINT)"
            return f"TRY_CAST({number} * {factor} AS BIGINT)"
        number = f"TRY_CAST({text} AS DECIMAL(38, 9))"
        return f"TRY_CAST(TRY(round({number} * {factor})) AS BIGINT)"

    def _date(self, text: str, scale: str) -> str:
        date = f"TRY_CAST({text} AS TIMESTAMPTZ)"
        if self.form != DATES:
            parsed = f"try_strptime(trim({text}), {sql_text(self.form)})"
            date = f"CAST({parsed} AS TIMESTAMPTZ)"
        thousand = " * 1000" if scale == "ns" else ""
        return f"TRY(epoch_us({date}){thousand})"


def check_format(time_format: str, option: str) -> str:
    """A unit, a format of strptime, or "".

    Raises:
      InputError: It is none of these.
    """
    known = not time_format or time_format in UNITS
    if known or time_format == "date" or "%" in time_format:
        return time_format
    raise InputError(
        f"--dataset=events({option}=...): expected s, ms, us, ns, date or a "
        f"format such as %d/%m/%Y, found {time_format!r}"
    )


# Answers a query of a table's rows with one row, column to value. The query is
# a function of the table's name; an engine may ask parts, and `merge`.
Ask = Callable[[Callable[[str], str]], dict[str, Any]]


def ask_table(connection: duckdb.DuckDBPyConnection, table: str) -> Ask:
    """Asks a table of DuckDB."""

    def ask(query: Callable[[str], str]) -> dict[str, Any]:
        cursor = connection.execute(query(table))
        names = [column[0] for column in cursor.description or []]
        row = cursor.fetchone()
        assert row is not None  # An aggregate has one row.
        return dict(zip(names, row, strict=True))

    return ask


def merge(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What `find_times` asks of a whole, from the answers of its parts."""
    how: dict[str, Callable] = {"least": min, "most": max, "fractions": any}
    merged: dict[str, Any] = {}
    for answer in answers:
        for name, value in answer.items():
            known = [x for x in (merged.get(name), value) if x is not None]
            merged[name] = how.get(name, sum)(known) if known else None
    return merged


def find_times(
    connection: duckdb.DuckDBPyConnection,
    ask: Ask,
    text: str,
    time_format: str = "",
) -> Times:
    """How the times of a table are written.

    Args:
      connection: Any, to try the format.
      ask: Asks the table.
      text: SQL of the column as VARCHAR.
      time_format: What the user says of it.

    Raises:
      InputError: The format is none.
    """
    if "%" in time_format:
        _check_strptime(connection, time_format)
        return Times(time_format)
    if time_format == "date":
        return Times(DATES)
    found = ask(functools.partial(_measures, text))
    if time_format:
        return Times(NUMBERS, time_format, found["fractions"])
    if (
        not found["numbers"]
        and found["others"]
        or (found["numbers"] < found["dates"])
    ):
        return Times(DATES)
    for compact in _COMPACT:
        if _is_compact(ask, text, compact, found):
            return Times(NUMBERS, compact)
    sizes = {unit: found[unit] for unit in UNITS}
    unit = max(sizes, key=lambda name: sizes[name])
    if not sizes[unit] or found["numbers"] - sum(sizes.values()) > sizes[unit]:
        unit = ""
    mixed = bool(unit) and sum(map(bool, sizes.values())) > 1
    return Times(NUMBERS, unit, found["fractions"], mixed)


def _measures(text: str, table: str) -> str:
    limits = [*_LEAST.values(), 10**23]
    sizes = ", ".join(
        f"count(*) FILTER (abs(number) >= {least} AND abs(number) < {most}) "
        f"AS {unit}"
        for unit, least, most in zip(UNITS, limits, limits[1:], strict=False)
    )
    # A double of 16 digits and more has no fraction.
    return (
        "SELECT count(number) AS numbers, count(date) AS dates, "
        "count(*) FILTER (number IS NULL AND date IS NULL AND "
        "trim(told) != '') AS others, "
        "min(number) AS least, max(number) AS most, "
        "coalesce(bool_or(number != floor(number)), false) AS fractions, "
        f"{sizes} FROM (SELECT told, CASE WHEN isfinite(value) THEN value END "
        "AS number, CASE WHEN value IS NULL THEN "
        "TRY_CAST(told AS TIMESTAMPTZ) END AS date FROM (SELECT "
        f"{text} AS told, TRY_CAST(told AS DOUBLE) AS value FROM {table}))"
    )


def _is_compact(ask: Ask, text: str, compact: str, found: dict) -> bool:
    least, most = _COMPACT[compact]
    if not found["numbers"] or found["fractions"]:
        return False
    if found["least"] < least or found["most"] > most:
        return False
    time = Times(NUMBERS, compact).sql(text, "us")
    right = ask(lambda table: f"SELECT count({time}) AS dates FROM {table}")
    return right["dates"] == found["numbers"]


def _check_strptime(
    connection: duckdb.DuckDBPyConnection, time_format: str
) -> None:
    try:
        connection.execute(f"SELECT strftime(now(), {sql_text(time_format)})")
        connection.execute(f"SELECT try_strptime('', {sql_text(time_format)})")
    except duckdb.Error as error:
        raise InputError(
            f"--dataset=events(time_format=...): {time_format!r} is no format "
            f"of a time ({str(error).splitlines()[0]})"
        ) from error


def common_scale(source: Times, target: Times) -> str | None:
    """What both columns are turned into.

    Returns:
      One of `UNITS` since 1970; `AS_THEY_ARE`; `MILLIONTHS` of the numbers;
      None if they cannot be compared.
    """
    forms = {source.form, target.form}
    if ABSENT in forms:
        return AS_THEY_ARE if len(forms) == 1 else None
    units = [times.unit for times in (source, target)]
    fractions = source.fractions or target.fractions
    if forms != {NUMBERS}:
        numbers = [t.unit for t in (source, target) if t.form == NUMBERS]
        if "" in numbers:
            return None
        return "ns" if "ns" in numbers else "us"
    if all(unit in UNITS for unit in units):
        if units[0] == units[1] and not fractions:
            return AS_THEY_ARE
        finest = max(units, key=lambda unit: UNITS[unit])
        return _FINER[finest] if fractions else finest
    if units[0] != units[1] and "" not in units:
        return "us"
    return MILLIONTHS if fractions else AS_THEY_ARE
