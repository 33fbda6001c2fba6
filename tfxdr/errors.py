"""The two failures that the command line tells apart from a bug."""

from __future__ import annotations


class InputError(ValueError):
    """A flag, file or value that the user can mend; the driver exits with 1.

    The message names the flag, file, line or column, what was expected, what
    was found and what to do.
    """


class TrainingError(RuntimeError):
    """Training cannot go on (a loss that is not finite); exit code 2."""
