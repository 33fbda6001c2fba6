"""What a run of an earlier tfxdr did where today there is an option."""

from __future__ import annotations

from collections.abc import Callable, Mapping

# By option: what stood for it, from the options that the run had.
_BEFORE: Mapping[str, Callable[[Mapping[str, str]], str]] = {
    "split_seed": lambda options: options.get("seed", "0"),
    "head_start": lambda options: "random",
    "policy_standardize": lambda options: "false",
    "policy_start": lambda options: "0.5",
    "policy_decay": lambda options: "0.0",
    "policy_embedding": lambda options: "trained",
    "policy_retrain": lambda options: "false",
    "meta_retrain": lambda options: "false",
    "joint_negatives": lambda options: "0",
    "joint_start": lambda options: "random",
}


def unspoken(flagfile: str) -> list[str]:
    """Options that a run had without knowing it, as words of a command line.

    All others that it does not name had the default of today.

    Args:
      flagfile: of the run's folder, in whole.
    """
    pairs = (row[2:].partition("=") for row in flagfile.splitlines())
    options = {name: value for name, _, value in pairs}
    return [
        f"--{name}={value(options)}"
        for name, value in _BEFORE.items()
        if name not in options
    ]
