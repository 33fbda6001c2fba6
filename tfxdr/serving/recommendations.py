"""What a recommender answers."""

from __future__ import annotations

import dataclasses
import html
from collections.abc import Iterator, Mapping, Sequence
from typing import overload

from tfxdr.report.recommendations import (
    recommendations_html,
    recommendations_text,
)
from tfxdr.start_up import printable

_NAMED = 5  # unknown ids that notes spell out


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """One recommended item.

    Attributes:
      item: raw id.
      score: the model's logit.
      title: "" where the data have none.
    """

    item: str
    score: float
    title: str


@dataclasses.dataclass(frozen=True)
class Recommendations(Sequence[Recommendation]):
    """The best items for one user, the best first.

    It is a sequence of them; in a notebook it shows itself as a table.

    Attributes:
      items: the best first.
      actions: how far each block ran tuned for the user, by its name; empty
        where nothing is decided, or popular items were substituted.
      unknown: raw ids of the history that the model does not know.
      substituted: whether it knew nothing that it reads of the user, so that
        popular items stand for an answer of the model.
    """

    items: Sequence[Recommendation]
    actions: Mapping[str, float] = dataclasses.field(default_factory=dict)
    unknown: Sequence[str] = ()
    substituted: bool = False

    @overload
    def __getitem__(self, place: int) -> Recommendation: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Recommendation]: ...

    def __getitem__(
        self, place: int | slice
    ) -> Recommendation | Sequence[Recommendation]:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __str__(self) -> str:
        text = recommendations_text(self.items, self.actions)
        return "\n".join([*self.notes(), text])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes())
        return notes + recommendations_html(self.items, self.actions)

    def notes(self) -> list[str]:
        """What a reader should know of the answer, a line each."""
        missing = "not in the source vocabulary"
        lines = [
            f"note: {printable(raw)} is {missing}"
            for raw in self.unknown[:_NAMED]
        ]
        more = len(self.unknown) - _NAMED
        if more > 0:
            lines.append(f"note: {more:,} more are {missing}")
        if self.substituted:
            lines.append(
                "note: the model knows nothing of this history: popular items "
                "were substituted"
            )
        return lines

    def as_dict(self) -> dict[str, object]:
        """What `--format=json` prints."""
        items = [
            {"rank": rank, "item": one.item, "score": one.score}
            | ({"title": one.title} if one.title else {})
            for rank, one in enumerate(self.items, start=1)
        ]
        return {
            "items": items,
            "actions": dict(self.actions),
            "unknown": list(self.unknown),
            "substituted": self.substituted,
        }


def listed(ids: Sequence[str]) -> str:
    """Some ids by name, as a terminal may be shown them; others counted."""
    named = ", ".join(map(printable, ids[:_NAMED]))
    more = len(ids) - _NAMED
    return f"{named} and {more:,} more" if more > 0 else named
