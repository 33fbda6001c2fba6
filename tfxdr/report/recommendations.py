"""A user's recommendations as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Protocol

from tfxdr.report.columns import print_columns


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
    titled = any(item.title for item in items)
    print_columns(
        ["rank", "item", "score", *(["title"] if titled else [])],
        [
            [
                str(rank),
                item.item,
                f"{item.score:.3f}",
                *([item.title] if titled else []),
            ]
            for rank, item in enumerate(items, start=1)
        ],
        right=("rank", "score"),
        file=file,
    )
    if actions:
        print(tuned_text(actions), file=file)


def tuned_text(actions: Mapping[str, float]) -> str:
    """Which blocks ran tuned, in words."""
    if any(action not in (0, 1) for action in actions.values()):
        shares = (f"{name} {action:.2f}" for name, action in actions.items())
        return f"tuned blocks, from 0 to 1: {', '.join(shares)}"
    tuned = [name for name, action in actions.items() if action]
    names = f" ({', '.join(tuned)})" if tuned else ""
    return f"tuned blocks: {len(tuned)} of {len(actions)}{names}"
