"""Options that are read beside another one alone, and refused without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfxdr.errors import InputError
from tfxdr.options.groups import GROUPS
from tfxdr.options.options import Options
from tfxdr.options.settings import Setting, settings_of

# By option: another one, and the values of that with which nobody reads it.
_Unread = Mapping[str, tuple[str, Sequence[str]]]
_BY_RUNS: _Unread = {
    "split_fractions": ("split", ("leave-one-out",)),
    "pretrain_num_sampled": ("pretrain_loss", ("softmax",)),
    "pretrain_validation": ("pretrain_split", ("leave-one-out",)),
    "num_negatives": ("loss", ("softmax", "in_batch")),
    "warm_start_vanished": ("warm_start", ("",)),
}
_BY_MODES: _Unread = {
    "trials": ("search", ("",)),
    "min_recall": ("export_retrieval", ("brute-force",)),
    **dict.fromkeys(
        ("k_max", "exclude_history", "refresh_candidates", "export_retrieval")
        + ("warm_up_sizes",),
        ("export_dir", ("",)),
    ),
}
# By option: the modes that read it.
_SWEEP, _EXPORT = ("sweep",), ("run", "export")
_MODES: Mapping[str, Sequence[str]] = {
    "component": ("list",),
    **dict.fromkeys(("resume", "overwrite"), ("run", "pretrain")),
    **dict.fromkeys(
        ("sweep", "seeds", "worlds", "search", "trials", "grid"), _SWEEP
    ),
    "baseline": ("compare", "report"),
    "compare_by": ("compare",),
    "user": ("recommend", "explain"),
    "history": ("recommend",),
    "users": ("recommend",),
    "output": ("recommend", "compare", "headroom", "report", "results"),
    "k": ("recommend", "explain"),
    "format": ("recommend", "explain", "list"),
    "export_dir": ("run", "export", "recommend"),
    **dict.fromkeys(
        ("k_max", "exclude_history", "refresh_candidates", "export_retrieval")
        + ("min_recall", "warm_up_sizes"),
        _EXPORT,
    ),
}


def refuse_unread_by_run(options: Options) -> None:
    """Refuses what no run reads with the other options that it has.

    Raises:
      InputError: names both options.
    """
    _refuse(options, _BY_RUNS)


def refuse_unread_by_mode(options: Options) -> None:
    """Refuses what the mode does not read.

    Raises:
      InputError: names the option, and the modes or the option it is for.
    """
    mode = options.run.mode
    for name, modes in _MODES.items():
        if mode not in modes and _is_given(options, name):
            *others, last = modes
            expected = f"{', '.join(others)} or {last}" if others else last
            raise InputError(
                f"--{name}={_text(options, name)}: expected "
                f"--mode={expected}, found --mode={mode}, which does "
                "not read it; drop the option"
            )
    _refuse(options, _BY_MODES)


def _refuse(options: Options, unread: _Unread) -> None:
    for name, (other, values) in unread.items():
        found = _text(options, other)
        if (
            not _is_given(options, name)
            or found.partition("(")[0] not in values
        ):
            continue
        beside = f"with --{other}={found}" if found else f"without --{other}"
        raise InputError(
            f"--{name}={_text(options, name)} means nothing {beside}; leave "
            f"--{name} out"
        )


def _is_given(options: Options, name: str) -> bool:
    """Whether an option has another value than by default."""
    value, default, _ = _of(options, name)
    return value != default


def _text(options: Options, name: str) -> str:
    value, _, declared = _of(options, name)
    return declared.format(value)


def _of(options: Options, name: str) -> tuple[Any, Any, Setting]:
    """A value, its default and its declaration."""
    (group,) = (g for g, known in GROUPS.items() if name in settings_of(known))
    declared = settings_of(GROUPS[group])[name]
    value = getattr(getattr(options, group), name)
    return value, getattr(GROUPS[group](), name), declared
