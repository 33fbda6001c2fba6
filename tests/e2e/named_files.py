"""Small files of the names and layouts that pages and flagfiles name."""

from __future__ import annotations

import gzip
import json
import pathlib
from collections.abc import Callable, Iterable

import duckdb

_USERS, _CLICKS, _PURCHASES = 40, 12, 4
_ITEMS = 300  # of 1 in 100 that an instance is ranked among

_Row = tuple[object, ...]


def write(folder: pathlib.Path) -> None:
    """All of them, below a folder."""
    for make in (
        *(_logs, _database, _movielens, _movielens_25m, _coldrec, _profiles),
        *(_amazon, _reviews, _ciao, _films),
    ):
        make(folder)


def _lines(
    path: pathlib.Path, separator: str, header: str, rows: Iterable[_Row]
) -> None:
    lines = [header] if header else []
    lines += [separator.join(map(str, row)) for row in rows]
    content = "".join(f"{line}\n" for line in lines).encode()
    packed = path.name.endswith(".gz")
    path.write_bytes(gzip.compress(content) if packed else content)


def _clicks() -> list[_Row]:
    """u17 looks at lamp-3, as in the page."""
    rows: list[_Row] = []
    for user in range(_USERS):
        for step in range(_CLICKS):
            number = (user * 7 + step * 3) % 25
            kind = "lamp" if number % 2 else "rug"
            time = f"2024-03-{1 + step:02d} {user % 24:02d}:12:44"
            rows.append((f"u{user}", f"{kind}-{number}", time))
    return rows


def _purchases(time: Callable[[int], object]) -> list[_Row]:
    """u17 buys tea and jam."""
    rows: list[_Row] = []
    for user in range(_USERS):
        for step in range(_PURCHASES):
            number = (user * 5 + step) % 15
            kind = "tea" if number % 2 else "jam"
            rows.append((f"u{user}", f"{kind}-{number}", time(step)))
    return rows


def _logs(folder: pathlib.Path) -> None:
    """Two shops' logs, and the second one's goods."""
    _lines(folder / "clicks.csv", ",", "user,item,clicked_at", _clicks())
    _lines(folder / "headless.csv", ",", "", _clicks())
    seconds = _purchases(lambda step: 1709400000 + step)
    _lines(folder / "purchases.csv", ";", "customer;sku;time", seconds)
    goods = {item: f"{item}, a jar" for _, item, _ in seconds}
    _lines(folder / "goods.tsv", "\t", "sku\tname", goods.items())
    days = _purchases(lambda step: f"2024-04-0{1 + step} 08:00:00")
    plain = folder / "purchases.tmp"
    _lines(plain, ",", "user,item,clicked_at", days)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_csv('{plain}')) TO "
            f"'{folder / 'purchases.parquet'}' (FORMAT parquet)"
        )
    plain.unlink()


def _database(folder: pathlib.Path) -> None:
    """The same logs, in a database."""
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE clicks AS SELECT *, 9 AS seconds FROM "
            f"'{folder}/clicks.csv'"
        )
        connection.execute(
            'CREATE TABLE purchases AS SELECT customer AS "user", sku AS item, '
            f"to_timestamp(time) AS clicked_at FROM '{folder}/purchases.csv'"
        )


def _ratings(items: int, least: int = 1) -> list[_Row]:
    """User, item, a rating up to 5, and time; every user has all ratings."""
    return [
        (
            user,
            (user * 7 + step * step) % items + 1,
            least + (user + step) % (6 - least),
            10**9 + 100 * user + step,
        )
        for user in range(1, 81)
        for step in range(20)
    ]


def _movielens(folder: pathlib.Path) -> None:
    """As MovieLens-1M is unpacked."""
    release = folder / "ml-1m"
    release.mkdir()
    _lines(release / "ratings.dat", "::", "", _ratings(_ITEMS))
    movies = [(n, f"Film {n} (1995)", "Drama") for n in range(1, _ITEMS + 1)]
    _lines(release / "movies.dat", "::", "", movies)
    users = [(user, "FM"[user % 2], 25, 4, "48067") for user in range(1, 81)]
    _lines(release / "users.dat", "::", "", users)


def _movielens_25m(folder: pathlib.Path) -> None:
    """As MovieLens-25M is unpacked: half stars, and titles with commas."""
    release = folder / "ml-25m"
    release.mkdir()
    rows = [
        (user, item, stars - 0.5 * (item % 2), time)
        for user, item, stars, time in _ratings(_ITEMS)
    ]
    header = "userId,movieId,rating,timestamp"
    _lines(release / "ratings.csv", ",", header, rows)
    movies = [(n, f'"Film, {n} (1995)"', "Drama") for n in range(1, _ITEMS + 1)]
    _lines(release / "movies.csv", ",", "movieId,title,genres", movies)


def _padded_histories(users: int) -> list[str]:
    """Items of each user, padded on the left as PeterRec's authors do."""
    rows = []
    for user in range(users):
        length = 4 + user % 9
        items = [1 + (user * 7 + step * step) % 50 for step in range(length)]
        rows.append(",".join(map(str, [0] * (12 - length) + items)))
    return rows


def _coldrec(folder: pathlib.Path) -> None:
    """Source items, then up to three target items of a user."""
    for name in ("coldrec1", "coldrec2", "coldrec3", "coldrec4"):
        histories = _padded_histories(120)
        lines = [
            f"{history},,"
            + ",".join(str(1 + user * 2 + step) for step in range(1 + user % 3))
            for user, history in enumerate(histories)
        ]
        _lines(folder / f"{name}_fine.csv", "", "", ((row,) for row in lines))
        _lines(folder / f"{name}_pre.csv", "", "", ((h,) for h in histories))


def _profiles(folder: pathlib.Path) -> None:
    """Source items of a user, then what the user is."""
    for name, classes in (("gender", 2), ("age", 6), ("lifestatus", 8)):
        rows = [
            (f"{history},,{user % classes}",)
            for user, history in enumerate(_padded_histories(120))
        ]
        _lines(folder / f"original_desen_{name}.csv", "", "", rows)


def _amazon(folder: pathlib.Path) -> None:
    """Two categories of goods as tables of events."""
    for category in ("food", "kitchen"):
        rows = [
            (f"A{user}", f"{category}{item}", time)
            for user, item, _, time in _ratings(_ITEMS)
        ]
        path = folder / f"{category}.csv.gz"
        _lines(path, ",", "user,item,timestamp", rows)


def _reviews(folder: pathlib.Path) -> None:
    """Two categories of goods as Amazon's reviews are published."""
    for category in ("Movies", "Books"):
        rows = [
            {
                "reviewerID": f"A{user}",
                "asin": f"{category}{item}",
                "helpful": [0, 0],
                "reviewText": "first line\nsecond, line",
                "overall": float(stars),
                "unixReviewTime": time,
            }
            for user, item, stars, time in _ratings(_ITEMS)
        ]
        path = folder / f"reviews_{category}.json.gz"
        _lines(path, "", "", ((json.dumps(row),) for row in rows))


def _ciao(folder: pathlib.Path) -> None:
    """Ratings from 0 to 5 of DVDs, books and music, in one file."""
    rows = [
        (user, 100 * category + item, category, stars, time)
        for category in (1, 2, 4)
        for user, item, stars, time in _ratings(_ITEMS, least=0)
    ]
    header = "user,item,category,rating,timestamp"
    _lines(folder / "ciao.csv.gz", ",", header, rows)


def _films(folder: pathlib.Path) -> None:
    """Ratings of films before a year, and of later ones."""
    header = "user,item,rating,timestamp"
    for file in ("old", "new"):
        _lines(folder / f"{file}.csv", ",", header, _ratings(_ITEMS))
