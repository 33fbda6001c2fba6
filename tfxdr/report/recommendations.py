"""A user's recommendations as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    items: Sequence[Recommended],
    actions: Mapping[str, float] | None = None,
    file: IO[str] | None = None,
) -> None:
    """Prints a line per item, the best first; titles where there are any.

    Args:
      items: best first.
      actions: how far each block ran tuned for this user, by its name.
      file: where to; by default the standard output.
    """
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
    console = Console(file=file, highlight=False, markup=False)
    console.print(table)
    if actions:
        console.print(tuned_text(actions), soft_wrap=True)


def tuned_text(actions: Mapping[str, float]) -> str:
    """Which blocks ran tuned, in words."""
    if any(action not in (0, 1) for action in actions.values()):
        shares = (f"{name} {action:.2f}" for name, action in actions.items())
        return f"tuned blocks, from 0 to 1: {', '.join(shares)}"
    tuned = [name for name, action in actions.items() if action]
    names = f" ({', '.join(tuned)})" if tuned else ""
    return f"tuned blocks: {len(tuned)} of {len(actions)}{names}"
