"""The command line: absl flags in, frozen dataclasses out.

The options themselves are declared in `groups`. Only this folder and
the driver touch absl's FLAGS; components take plain values.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags

# Imported for its flags: --verbosity, --log_dir and the like.
from absl import logging as _absl_logging  # noqa: F401

from tfxdr.errors import InputError, did_you_mean
from tfxdr.options.groups import (
    GROUPS,
    Run,
)
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
    return Options(**groups, extra=_extra_flags(values))


def _extra_flags(values: flags.FlagValues) -> tuple[str, ...]:
    """Those of plugins and scripts that were set."""
    return tuple(
        values[name].serialize()
        for name in sorted(values)
        if not values[name].using_default_value
        and not _is_known(str(values.find_module_defining_flag(name)))
    )


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
    try:
        rest = _read(values, argv)
    except flags.UnrecognizedFlagError as unknown:
        if not load_plugins(values, argv, earlier):
            raise _unknown_flag(unknown, values, argv) from unknown
        try:
            rest = _read(values, argv)
        except flags.UnrecognizedFlagError as error:
            raise _unknown_flag(error, values, argv) from error
    if rest:
        raise InputError(
            f"unexpected argument {rest[0]!r}: every option starts with two "
            "hyphens, and true or false is written as in --resume=false"
        )
    flagfile = earlier(_values(Run, values))
    if flagfile is not None:
        return parse(_behind(flagfile, argv))
    return from_flags(values)


def _behind(flagfile: pathlib.Path, argv: Sequence[str]) -> list[str]:
    """A command line whose own settings win over a flagfile's."""
    return [argv[0], f"--flagfile={flagfile}", *argv[1:]]


def _values(group: type[Group], values: flags.FlagValues) -> Any:
    return group(**{key: values[key].value for key in settings_of(group)})


def _read(
    values: flags.FlagValues, argv: Sequence[str], *, known_only: bool = False
) -> list[str]:
    """Parses into absl's flags; returns what is no flag."""
    values.unparse_flags()
    values.set_gnu_getopt(True)  # Or absl stops at the first such argument.
    for path in _flagfiles(argv):
        _check_flagfile(path)
    try:
        return values(list(argv), known_only=known_only)[1:]
    except flags.UnrecognizedFlagError:
        raise
    except flags.CantOpenFlagFileError as error:
        cause = error.__context__
        raise InputError(f"--flagfile: cannot open it: {cause}") from error
    except (flags.Error, ValueError) as error:
        message = str(error).removeprefix("flag ")
        name = message.partition(":")[0].partition("=")[0].lstrip("-")
        raise InputError(_place(argv, name) + message) from error


def load_plugins(
    values: flags.FlagValues,
    argv: Sequence[str],
    earlier: Callable[[Run], pathlib.Path | None] = lambda run: None,
) -> bool:
    """Whether there are plugins that may define a flag."""
    from tfxdr.registry import plugins

    _read(values, argv, known_only=True)
    flagfile = earlier(_values(Run, values))
    if flagfile is not None:
        _read(values, _behind(flagfile, argv), known_only=True)
    return bool(plugins.load_plugins(values["plugins"].value or ()))


def _unknown_flag(
    error: flags.UnrecognizedFlagError,
    values: flags.FlagValues,
    argv: Sequence[str],
) -> InputError:
    name = error.flagname
    hint = did_you_mean(name, list(values), before="--")
    hint = hint or "; --helpshort lists them all"
    return InputError(f"{_place(argv, name)}unknown flag --{name}{hint}")


def _flagfiles(argv: Sequence[str]) -> Iterator[str]:
    words = iter(argv[1:])
    for word in words:
        name, equals, value = word.partition("=")
        if name in ("--flagfile", "-flagfile"):
            yield value if equals else next(words, "")


def _check_flagfile(path: str) -> None:
    if not path:
        raise InputError("--flagfile: expected a file, found nothing")
    file = pathlib.Path(path).expanduser()
    try:
        file.read_text()
    except OSError as error:
        raise InputError(
            f"--flagfile={path}: cannot read it: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"--flagfile={path}: expected text, found bytes that are none"
        ) from error


def _place(argv: Sequence[str], name: str) -> str:
    """The flagfile and line of a flag that stands in one; else ""."""
    for path in _flagfiles(argv):
        lines = pathlib.Path(path).expanduser().read_text().splitlines()
        for number, line in enumerate(lines, 1):
            if line.strip().partition("=")[0].lstrip("-") == name:
                return f"{path}, line {number}: "
    return ""
