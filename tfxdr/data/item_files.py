"""The files of a domain's items: ids, titles and categories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from tfxdr.data import database
from tfxdr.data.prepared import file_entry
from tfxdr.data.vocabulary import write_lines


def write_item_files(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    domain: str,
    items: Sequence[str],
) -> tuple[list[dict], dict[str, int]]:
    """Writes them.

    Args:
      connection: Has `<domain>_items`, and the tables of titles and categories
        that a source makes.
      folder: Where they go.
      domain: `source` or `target`.
      items: Raw ids in the order of the item ids.

    Returns:
      What the manifest tells of the files, and the counts of categories.
    """
    entries = [_write(folder / f"{domain}_items.txt", items)]
    titles = database.read_titles(connection, domain, items)
    if titles is not None:
        entries.append(_write(folder / f"{domain}_titles.txt", titles))
    found = database.read_categories(connection, domain, items)
    if found is None:
        return entries, {}
    categories, ambiguous = found
    entries.append(_write(folder / f"{domain}_categories.txt", categories))
    return entries, {
        "ambiguous_categories": ambiguous,
        f"{domain}_categories": len({*categories} - {""}),
        f"{domain}_uncategorized": categories.count(""),
    }


def _write(path: Path, lines: Sequence[str]) -> dict:
    write_lines(path, lines)
    return file_entry(path)


def with_categories(counts: dict, found: dict[str, int]) -> dict:
    """Counts of a manifest with those of one domain's categories."""
    ambiguous = "ambiguous_categories"
    total = counts.get(ambiguous, 0) + found.get(ambiguous, 0)
    return counts | found | {ambiguous: total}
