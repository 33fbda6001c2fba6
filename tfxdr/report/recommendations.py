"""A user's recommendations as text and as a table of a notebook."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import IO, Protocol

from tfxdr.report.columns import aligned
from tfxdr.start_up import printable


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
    print(recommendations_text(items, actions), file=file)


def recommendations_text(
    items: Sequence[Recommended], actions: Mapping[str, float] | None = None
) -> str:
    """What `print_recommendations` prints. Ids are whole: they are copied."""
    titles, *lines = _cells(items)
    text = aligned(titles, lines, right=("rank", "score"))
    return f"{text}\n{tuned_text(actions)}" if actions else text


def recommendations_html(
    items: Sequence[Recommended], actions: Mapping[str, float] | None = None
) -> str:
    """The same, for a notebook."""
    head, *lines = _cells(items)
    parts = ["<table>", _row(head, "th"), *(_row(line, "td") for line in lines)]
    parts.append("</table>")
    if actions:
        parts.append(f"<p>{html.escape(tuned_text(actions))}</p>")
    return "".join(parts)


def _cells(items: Sequence[Recommended]) -> list[list[str]]:
    """Of every line, its head first."""
    titled = any(item.title for item in items)
    lines = [["rank", "item", "score", *(["title"] if titled else [])]]
    for rank, item in enumerate(items, start=1):
        cells = [str(rank), item.item, f"{item.score:.3f}"]
        lines.append(cells + ([item.title] if titled else []))
    return lines


def _row(cells: Sequence[str], tag: str) -> str:
    inside = "".join(
        f"<{tag}>{html.escape(printable(text))}</{tag}>" for text in cells
    )
    return f"<tr>{inside}</tr>"


def tuned_text(actions: Mapping[str, float]) -> str:
    """Which blocks ran tuned, in words."""
    if any(action not in (0, 1) for action in actions.values()):
        shares = (f"{name} {action:.2f}" for name, action in actions.items())
        return f"tuned blocks, from 0 to 1: {', '.join(shares)}"
    tuned = [name for name, action in actions.items() if action]
    names = f" ({', '.join(tuned)})" if tuned else ""
    return f"tuned blocks: {len(tuned)} of {len(actions)}{names}"
