"""ColdRec, as PeterRec's authors publish it: one line per user."""

from __future__ import annotations

from pathlib import Path

from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.delimited import (
    quoted,
    read_delimited,
    reject_where,
)
from tfxdr.datasets.readers.layout import Layout
from tfxdr.registry import datasets

# A character that no line has: the line is the only column.
_LAYOUT = Layout({"line": "VARCHAR"}, "\x1f", quote="")
_ITEMS = "[^,]+(,[^,]+)*"
_RIGHT = f"({_ITEMS})?(,,({_ITEMS})?)?"
_WRONG = {
    "line": (
        f"NOT regexp_full_match(line, '{_RIGHT}')",
        "expected items separated by ',', and ',,' once between source and "
        "target items",
    )
}
# Where the user's class stands in the place of target items.
_SEVERAL = (
    "contains(split_part(line, ',,', 2), ',')",
    "expected one value behind ',,', the user's attribute",
)
_PADDING = "0"


@datasets.register("coldrec")
class ColdRec(Source):
    """PeterRec's lines `a,b,c,,t1,t2`: source items, then target items.

    A line is a user. Before `,,` stand the source items, oldest first, padded
    with 0 at the beginning; behind it the target items. There are no times:
    the order in the line is the order of events. An item 0 is padding, on
    either side, and is dropped.

    The files of gender, age and life status have a class in the place of the
    target items: `coldrec(attribute=gender)` reads it as an attribute of the
    user, for `--task=profile`. There is no target domain then.

    Args:
      path: The fine-tuning file, plain or gzipped. Its users are numbered
        from 1 in the order of their lines.
      pretrain: Optionally the pre-training file, of lines `a,b,c`. A line
        whose items are those of a user of the fine-tuning file is that user;
        the others are users without targets, numbered `p1`, `p2`, ….
      attribute: What to call the one value behind `,,`, where it says what
        the user is; "" if items stand there.
    """

    required = ("path",)

    def __init__(self, path: str = "", pretrain: str = "", attribute: str = ""):
        self.path = self.check_path(path)
        self.pretrain: Path | str = (
            self.check_path(pretrain, "pretrain") if pretrain else ""
        )
        self.attribute = attribute
        self.has_target = not attribute

    @property
    def protocol(self) -> str:  # type: ignore[override]
        behind = f"{self.attribute} behind it" if self.attribute else ""
        return (
            "source: items before ',,' of a line; "
            f"target: {behind or 'items behind it'}"
        )

    def options(self) -> dict[str, object]:
        # It came later: without it data are called what they were.
        known = super().options()
        if not self.attribute:
            del known["attribute"]
        return known

    def files(self) -> list[Path]:
        pretrain = [self.pretrain] if isinstance(self.pretrain, Path) else []
        return [self.path, *pretrain]

    def load(self, connection, rejects) -> None:
        self._read(connection, rejects, "finetune", self.path, "")
        _explode(connection, "target", "targets", "finetune")
        lines = "finetune"
        if isinstance(self.pretrain, Path):
            self._read(connection, rejects, "pretrain", self.pretrain, "p")
            lines = (
                "(FROM finetune UNION ALL FROM (FROM pretrain ANTI JOIN "
                "finetune USING (history)))"
            )
        _explode(connection, "source", "history", lines)
        if self.attribute:
            connection.execute(
                "CREATE TABLE attributes AS SELECT user, "
                f"class AS {quoted(self.attribute)} FROM finetune"
            )

    def _read(self, connection, rejects, table, path, prefix) -> None:
        """Makes a table `user, history, targets` of one file's lines."""
        raw = f"{table}_lines"
        read_delimited(connection, rejects, raw, path, _LAYOUT)
        reject_where(connection, rejects, raw, path, _LAYOUT, _WRONG)
        if self.attribute:
            wrong = {"line": _SEVERAL}
            reject_where(connection, rejects, raw, path, _LAYOUT, wrong)
        items = "list_filter(string_split({0}, ','), lambda x: x NOT IN {1})"
        empty = f"('', '{_PADDING}')"
        history, targets = (
            items.format(f"split_part(line, ',,', {half})", empty)
            for half in (1, 2)
        )
        if self.attribute:
            targets = "CAST([] AS VARCHAR[])"
        connection.execute(
            f"CREATE TABLE {table} AS "
            f"SELECT '{prefix}' || (rowid + 1) AS user, "
            f"{history} AS history, {targets} AS targets, "
            f"split_part(line, ',,', 2) AS class FROM {raw}"
        )
        connection.execute(f"DROP TABLE {raw}")


def _explode(connection, domain: str, column: str, lines: str) -> None:
    connection.execute(
        f"CREATE TABLE {domain} AS SELECT user, "
        f"unnest({column}) AS item, CAST(NULL AS BIGINT) AS time, "
        "CAST(NULL AS DOUBLE) AS rating, "
        f"CAST(generate_subscripts({column}, 1) AS BIGINT) AS row "
        f"FROM {lines}"
    )
