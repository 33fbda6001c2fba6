"""The two failures that the command line tells apart from a bug."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A flag, file or value that the user can mend; the driver exits with 1.

    The message names the flag, file, line or column, what was expected, what
    was found and what to do.
    """


class TrainingError(RuntimeError):
    """Training cannot go on (a loss that is not finite); exit code 2."""


def did_you_mean(name: str, known: Iterable[str], before: str = "") -> str:
    """`; did you mean 'sasrec'?`, or nothing where no name is like it.

    Args:
      name: that is not known, in capitals or not.
      known: those that are.
      before: what stands before a name, such as `--`; then without quotes.
    """
    spelled = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), list(spelled), n=1)
    if not close:
        return ""
    found = spelled[close[0]]
    return f"; did you mean {before + found if before else repr(found)}?"
