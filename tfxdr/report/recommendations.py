"""A user's recommendations as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, Protocol

from rich.console import Console
from rich.table import Table


class Recommended(Protocol):
    """What a line shows."""

    @property
    def item(self) -> str: ...

    @property
    def score(self) -> float: ...

    @property
    def title(self) -> str: ...


def print_recommendations(
    items: Sequence[Recommended], file: IO[str] | None = None
) -> None:
    """Prints a line per item, the best first; titles where there are any."""
    table = Table(box=None)
    table.add_column("rank", justify="right")
    table.add_column("item")
    table.add_column("score", justify="right")
    titled = any(item.title for item in items)
    if titled:
        table.add_column("title")
    for rank, item in enumerate(items, start=1):
        cells = [str(rank), item.item, f"{item.score:.3f}"]
        table.add_row(*cells, *([item.title] if titled else []))
    Console(file=file, highlight=False, markup=False).print(table)
