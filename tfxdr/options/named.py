"""Options by their names, in Python: no flag is involved."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tfxdr.errors import InputError, did_you_mean
from tfxdr.options.groups import GROUPS
from tfxdr.options.options import Options
from tfxdr.options.settings import Group, settings_of

# What methods of a run take instead, and what is a function of its own.
_OF_ANSWERS = ("sweep", "compare", "recommend", "export")
_NO_OPTIONS = {
    "mode": "tfxdr.prepare, tfxdr.run and tfxdr.open_run stand for modes",
    "resume": "a run that is there goes on by itself",
}


def run_settings() -> dict[str, str]:
    """The options of a run: the name of each with that of its group."""
    return {
        name: group
        for group, declared in GROUPS.items()
        if group not in _OF_ANSWERS
        for name in settings_of(declared)
        if name not in _NO_OPTIONS
    }


def options_from(values: Mapping[str, Any]) -> Options:
    """All options, the given ones set.

    Raises:
      InputError: A name is unknown, or a value is not what is expected.
    """
    group_of = run_settings()
    for name in values:
        if name not in group_of:
            raise InputError(_unknown(name, group_of))
    groups = {
        group: group_from(
            declared,
            {k: v for k, v in values.items() if group_of[k] == group},
        )
        for group, declared in GROUPS.items()
    }
    return Options(**groups)  # type: ignore[arg-type]


def group_from(declared: type[Group], values: Mapping[str, Any]) -> Group:
    """One group, the given options set.

    Raises:
      InputError: A name is unknown, or a value is not what is expected.
    """
    known = settings_of(declared)
    adapted = {}
    for name, value in values.items():
        if name not in known:
            raise InputError(_unknown(name, known))
        try:
            adapted[name] = known[name].adapt(value)
        except ValueError as error:
            raise InputError(f"--{name}: {error}") from error
    return declared(**adapted)


def signature(*first: inspect.Parameter, returns: Any) -> inspect.Signature:
    """That of a function whose keywords are the options of a run."""
    defaults = Options()
    keywords = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(getattr(defaults, group), name),
        )
        for name, group in run_settings().items()
    ]
    return inspect.Signature([*first, *keywords], return_annotation=returns)


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    for group in _OF_ANSWERS:
        if name in settings_of(GROUPS[group]):
            return (
                f"{name} is no option of this: expected it in .{group}(...) of "
                "a finished run"
            )
    if name in _NO_OPTIONS:
        return f"{name} is no option in Python: {_NO_OPTIONS[name]}"
    hint = did_you_mean(name, known) or f"; expected one of {', '.join(known)}"
    return f"unknown option {name!r}{hint}"
