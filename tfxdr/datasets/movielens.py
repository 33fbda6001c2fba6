"""MovieLens as GroupLens publishes it, as two domains."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np

from tfxdr.datasets.base import Source, count_both, insert_arrays
from tfxdr.datasets.readers.delimited import read_delimited, reject_where
from tfxdr.datasets.readers.files import is_utf8, open_text, plain_text
from tfxdr.datasets.readers.layout import Layout, first_line
from tfxdr.datasets.readers.records import read_records
from tfxdr.datasets.readers.rejects import BadRow
from tfxdr.errors import InputError
from tfxdr.registry import datasets

_HEADER = "userId,movieId,rating,timestamp"
_MAX_RATING = 5

# Codes of 1M's users.dat, from its README.
_OCCUPATIONS = (
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad student",
    "customer service",
    "doctor/health care",
    "executive/managerial",
    "farmer",
    "homemaker",
    "K-12 student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)
_AGES = (
    (18, "under 18"),
    (25, "18-24"),
    (35, "25-34"),
    (45, "35-44"),
    (50, "45-49"),
    (56, "50-55"),
)
_OLDEST = "56+"


@dataclasses.dataclass(frozen=True)
class _Release:
    """The files of a release; `titles` are in the encoding beside them."""

    ratings: str
    delimiter: str
    header: bool
    titles: str
    titles_delimiter: str
    titles_encoding: str
    users: str = ""


_RELEASES = (
    _Release("u.data", "\t", False, "u.item", "|", "iso-8859-1", "u.user"),
    _Release(
        "ratings.dat",
        "::",
        False,
        "movies.dat",
        "::",
        "iso-8859-1",
        "users.dat",
    ),
    _Release("ratings.csv", ",", True, "movies.csv", ",", "utf-8-sig"),
)


@datasets.register("movielens")
class MovieLens(Source):
    """MovieLens: source rated below 4, target rated above 4.

    The protocol of PeterRec and UAF (section 4.1): the source domain is a
    user's most recent 30 interactions rated below 4, the target domain what
    the user rated above 4.

    `movielens(source_below=6, target_above=5, history=0)` is a source domain
    of all ratings and no target domain, for pre-training alone.

    Args:
      path: The release's folder, or its ratings file: `u.data` (100K),
        `ratings.dat` (1M, 10M) or `ratings.csv` (20M, 25M and later), each
        plain or gzipped. Movie titles and, where the release has them, users'
        gender, age bracket and occupation are read from beside it.
      source_below: Ratings below are source events.
      target_above: Ratings above are target events; 5: none are.
      history: The most recent source events that are kept of a user; 0: all.
      source_from: Of the ratings below, those of at least this are source
        events.
    """

    required = ("path",)

    def __init__(
        self,
        path: str = "",
        source_below: float = 4.0,
        target_above: float = 4.0,
        history: int = 30,
        source_from: float = 0.0,
    ):
        self.path = self.check_path(path, folder=True)
        if source_below > target_above and target_above < _MAX_RATING:
            raise InputError(
                "--dataset=movielens: source_below should not exceed "
                f"target_above, found {source_below} and {target_above}: a "
                "rating would be in both domains"
            )
        if source_from >= source_below:
            raise InputError(
                "--dataset=movielens: source_from should be below "
                f"source_below, found {source_from} and {source_below}: no "
                "rating would be in the source domain"
            )
        if history < 0:
            raise InputError(
                "--dataset=movielens: history should be at least 0 (all), "
                f"found {history}"
            )
        self.source_below = float(source_below)
        self.target_above = float(target_above)
        self.history = history
        self.source_from = float(source_from)
        self.has_target = self.target_above < _MAX_RATING
        self._release, self._ratings = _find_ratings(self.path)
        self._titles = _beside(self._ratings, self._release.titles)
        self._users = _beside(self._ratings, self._release.users)

    @property
    def protocol(self) -> str:  # type: ignore[override]
        latest = f"the most recent {self.history}" if self.history else "all"
        least = f" from {self.source_from:g}" if self.source_from else ""
        target = f"ratings above {self.target_above:g}"
        return (
            f"source: {latest} ratings{least} below {self.source_below:g}; "
            f"target: {target if self.has_target else 'none'}"
        )

    @property
    def version(self) -> int:  # type: ignore[override]
        # Titles in UTF-8 were once read as Latin-1.
        titles = self._titles
        mended = (
            titles is not None
            and self._release.titles_encoding == "iso-8859-1"
            and is_utf8(titles)
        )
        return 2 if mended else 1

    def files(self) -> list[Path]:
        found = [self._ratings, self._titles, self._users]
        return [path for path in found if path is not None]

    def load(self, connection, rejects) -> None:
        self._read_ratings(connection, rejects)
        for domain, condition in (
            (
                "source",
                f"rating >= {self.source_from} AND rating < "
                f"{self.source_below}",
            ),
            ("target", f"rating > {self.target_above}"),
        ):
            connection.execute(
                f"CREATE VIEW {domain} AS SELECT "
                "CAST(user AS VARCHAR) AS user, CAST(item AS VARCHAR) AS item, "
                "time, CAST(rating AS DOUBLE) AS rating, rowid AS row "
                f"FROM ratings WHERE {condition}"
            )
        if self._titles is not None:
            titles = _read_titles(connection, self._titles, self._release)
            insert_arrays(connection, "source_titles", titles)
            connection.execute(
                "CREATE VIEW target_titles AS FROM source_titles"
            )
        if self._users is not None:
            users = _read_users(self._users)
            insert_arrays(connection, "attributes", users)

    def counts(self, connection) -> dict[str, int]:
        return count_both(connection, *self._went_in)

    def _read_ratings(self, connection, rejects) -> None:
        release, path = self._release, self._ratings
        if release.header and first_line(path) != _HEADER:
            raise InputError(
                f"{path}, line 1: the header should be {_HEADER!r}, found "
                f"{first_line(path)!r}"
            )
        columns = {"user": "BIGINT", "item": "BIGINT", "rating": "FLOAT"}
        layout = Layout(
            {**columns, "time": "BIGINT"}, release.delimiter, release.header, ""
        )
        read_delimited(connection, rejects, "ratings", path, layout)
        outside = f"NOT (rating >= 0 AND rating <= {_MAX_RATING})"
        wrong = {"rating": (outside, f"a rating is from 0 to {_MAX_RATING}")}
        reject_where(connection, rejects, "ratings", path, layout, wrong)
        self._went_in = rejects.read[path], len(rejects)


def _find_ratings(path: Path) -> tuple[_Release, Path]:
    if path.is_file():
        name = path.name.removesuffix(".gz")
        for release in _RELEASES:
            if name == release.ratings:
                return release, path
        for release in _RELEASES:
            if Path(name).suffix == Path(release.ratings).suffix:
                return release, path
    else:
        for release in _RELEASES:
            found = _plain_or_gzip(path, release.ratings)
            if found is not None:
                return release, found
    known = ", ".join(release.ratings for release in _RELEASES)
    raise InputError(
        f"--dataset=movielens(path=...) or --data_path: {path} holds no "
        f"ratings of MovieLens: expected {known}, plain or with .gz"
    )


def _plain_or_gzip(folder: Path, name: str) -> Path | None:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return None


def _beside(ratings: Path, name: str) -> Path | None:
    return _plain_or_gzip(ratings.parent, name) if name else None


def _rows(
    path: Path, delimiter: str, encoding: str
) -> Iterator[tuple[int, list[str]]]:
    with open_text(path, encoding) as file:
        for line, text in enumerate(file, 1):
            if text := text.rstrip("\r\n"):
                yield line, text.split(delimiter)


def _read_titles(
    connection: duckdb.DuckDBPyConnection, path: Path, release: _Release
) -> dict[str, np.ndarray]:
    if release.header:
        layout = Layout(dict.fromkeys(("movieId", "title", "genres"), ""), ",")
        with plain_text(path, "", connection) as plain:
            rows = [
                (record.line, record.fields)
                for record in read_records(plain, layout)
            ][1:]
    else:
        # 100K's and 1M's are Latin-1, 10M's is UTF-8 under 1M's name.
        encoding = "utf-8" if is_utf8(path) else release.titles_encoding
        rows = list(_rows(path, release.titles_delimiter, encoding))
    for line, fields in rows:
        if len(fields) < 3:
            raise _malformed(path, line, "movie id, title and more", fields)
    return {
        "item": _texts(fields[0] for _, fields in rows),
        "title": _texts(fields[1] for _, fields in rows),
    }


def _read_users(path: Path) -> dict[str, np.ndarray]:
    """Lines of 100K are `user|age|gender|occupation|zip`, those of 1M
    `user::gender::age::code::zip`."""
    is_100k = path.name.startswith("u.user")
    users, genders, ages, occupations = [], [], [], []
    for line, fields in _rows(path, "|" if is_100k else "::", "iso-8859-1"):
        try:
            user, first, second, occupation, _ = fields
            gender, age = (second, first) if is_100k else (first, second)
            ages.append(_age_bracket(int(age)))
            occupations.append(
                occupation if is_100k else _OCCUPATIONS[int(occupation)]
            )
        except (ValueError, IndexError) as error:
            raise _malformed(
                path, line, "user, gender, age, occupation and zip", fields
            ) from error
        users.append(user)
        genders.append(gender)
    columns = {"user": users, "gender": genders}
    columns |= {"age": ages, "occupation": occupations}
    return {name: _texts(values) for name, values in columns.items()}


def _age_bracket(age: int) -> str:
    """1M's brackets, for 100K's ages in years too."""
    return next((name for limit, name in _AGES if age < limit), _OLDEST)


def _malformed(
    path: Path, line: int, expected: str, fields: Sequence[str]
) -> InputError:
    row = BadRow(path, line, "", f"expected {expected}", " ".join(fields))
    return InputError(f"malformed row: {row}")


def _texts(values) -> np.ndarray:
    return np.array(list(values), object)
