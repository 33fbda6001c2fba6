"""The command line: absl flags in, frozen dataclasses out.

The options themselves are declared in `groups`. Only this folder and
the driver touch absl's FLAGS; components take plain values.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

# Imported for its flags: --verbosity, --log_dir and the like.
from absl import logging as _absl_logging  # noqa: F401

from tfxdr.errors import InputError, did_you_mean
from tfxdr.options import flagfile
from tfxdr.options.earlier import unspoken
from tfxdr.options.groups import GROUPS, Run
from tfxdr.options.options import Options
from tfxdr.options.settings import Group, Setting, settings_of


class _Parser(flags.ArgumentParser):
    """Lets absl read a flag by its declaration."""

    def __init__(self, declared: Setting):
        self.declared = declared
        self.syntactic_help = declared.expected()

    def parse(self, argument: Any) -> Any:
        if isinstance(argument, str):
            return self.declared.parse(argument)
        self.declared.check(argument)
        return argument

    def flag_type(self) -> str:
        return self.declared.type.__name__


class _Serializer(flags.ArgumentSerializer):
    def __init__(self, declared: Setting):
        self.declared = declared

    def serialize(self, value: Any) -> str:
        return self.declared.format(value)


def _define(group: type[Group], values: flags.FlagValues) -> None:
    defaults = group()
    for name, declared in settings_of(group).items():
        default = getattr(defaults, name)
        parser = _Parser(declared)
        flag: flags.Flag
        if declared.type is bool:
            flag = flags.BooleanFlag(name, default, declared.help)
            flag.parser = parser
        else:
            flag = flags.Flag(
                parser, _Serializer(declared), name, default, declared.help
            )
        flags.DEFINE_flag(flag, values)


for _group in GROUPS.values():
    _define(_group, flags.FLAGS)


def from_flags(values: flags.FlagValues = flags.FLAGS) -> Options:
    """The options as absl parsed them.

    Raises:
      InputError: Values that do not go together.
    """
    groups = {name: _values(group, values) for name, group in GROUPS.items()}
    given = [
        name
        for group in GROUPS.values()
        for name in settings_of(group)
        if values[name].present
    ]
    return Options(**groups, extra=_extra_flags(values), given=tuple(given))


def _extra_flags(values: flags.FlagValues) -> tuple[str, ...]:
    """Those of plugins and scripts that were set, as lines of a flagfile."""
    lines = []
    for name in sorted(values):
        module = str(values.find_module_defining_flag(name))
        if values[name].using_default_value or _is_known(module):
            continue
        for text in values[name].serialize().splitlines():
            flag, equals, value = text.removeprefix("--").partition("=")
            lines.append(flagfile.line(flag, value) if equals else text)
    return tuple(lines)


def _is_known(module: str) -> bool:
    return module.partition(".")[0] in ("absl", "tfxdr")


def parse(
    argv: Sequence[str],
    earlier: Callable[[Run], pathlib.Path | None] = lambda run: None,
) -> Options:
    """Reads a command line, its flagfiles included; prints nothing.

    Plugins are loaded when, and only when, a flag is met that they may define.

    Args:
      argv: As `sys.argv`: the program's name first.
      earlier: The flagfile of the run that this one goes on with, if it does;
        the command line's own settings win over it.

    Raises:
      InputError: An unknown flag, a value that does not fit, a flagfile that
        cannot be read, or an argument that is no flag.
    """
    values = flags.FLAGS
    words = flagfile.words(argv[1:])
    try:
        rest = _read(values, words)
    except flags.UnrecognizedFlagError as unknown:
        if not _load_plugins(values, words, earlier):
            raise _unknown_flag(unknown, values, words) from unknown
        try:
            rest = _read(values, words)
        except flags.UnrecognizedFlagError as error:
            raise _unknown_flag(error, values, words) from error
    lists = values["mode"].value == "list" and len(rest) == 1
    if rest and not lists:
        raise InputError(
            f"{_place(words, rest[0])}unexpected argument {rest[0]!r}: every "
            "option starts with two hyphens, and true or false is written as "
            "in --resume=false"
        )
    if lists:  # `--mode=list NAME`
        values["component"].value = rest[0]
    found = earlier(_values(Run, values))
    if found is not None:
        return parse(_behind(found, argv))
    return from_flags(values)


def _behind(found: pathlib.Path, argv: Sequence[str]) -> list[str]:
    """A command line whose own settings win over those of a run."""
    run = f"--run={found.parent}"  # its name may have been a part of it
    before = unspoken(found.read_text(encoding="utf-8"))
    return [argv[0], *before, f"--flagfile={found}", *argv[1:], run]


def _values(group: type[Group], values: flags.FlagValues) -> Any:
    return group(**{key: values[key].value for key in settings_of(group)})


def _read(
    values: flags.FlagValues,
    words: Sequence[flagfile.Word],
    *,
    known_only: bool = False,
) -> list[str]:
    """Parses into absl's flags; returns what is no flag."""
    values.unparse_flags()
    values.set_gnu_getopt(True)  # Or absl stops at the first such argument.
    texts = [word.text for word in words]
    try:
        return values(["tfxdr", *texts], known_only=known_only)[1:]
    except flags.UnrecognizedFlagError:
        raise
    except (flags.Error, ValueError) as error:
        message = str(error).removeprefix("flag ")
        wrong = message.partition(": expected")[0].removeprefix("--")
        raise InputError(_place(words, wrong) + message) from error


def load_plugins(argv: Sequence[str]) -> None:
    """Loads the plugins that a command line names, for the flags they define.

    Raises:
      InputError: A flagfile or a plugin's file cannot be read.
    """
    _load_plugins(flags.FLAGS, flagfile.words(argv[1:]), lambda run: None)


def _load_plugins(
    values: flags.FlagValues,
    words: Sequence[flagfile.Word],
    earlier: Callable[[Run], pathlib.Path | None],
) -> bool:
    """Whether there are plugins that may define a flag."""
    from tfxdr.registry import plugins

    _read(values, words, known_only=True)
    found = earlier(_values(Run, values))
    if found is not None:
        behind = [*flagfile.words([f"--flagfile={found}"]), *words]
        _read(values, behind, known_only=True)
    return bool(plugins.load_plugins(values["plugins"].value or ()))


def _unknown_flag(
    error: flags.UnrecognizedFlagError,
    values: flags.FlagValues,
    words: Sequence[flagfile.Word],
) -> InputError:
    name = error.flagname
    hint = did_you_mean(name, list(values), before="--")
    hint = hint or "; --helpshort lists them all"
    return InputError(f"{_place(words, name)}unknown flag --{name}{hint}")


def _place(words: Sequence[flagfile.Word], wrong: str) -> str:
    """The flagfile and line of a word, if it stands in one; else "".

    Args:
      words: all.
      wrong: the word, or the name of its flag.
    """
    for known in (str.strip, lambda text: text.partition("=")[0]):
        for word in words:
            if known(word.text).lstrip("-") == wrong.lstrip("-"):
                return word.place
    return ""
