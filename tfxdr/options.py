"""The command line: absl flags in, frozen dataclasses out.

The options themselves are declared in `option_groups`. Only this module and
the driver touch absl's FLAGS; components take plain values.
"""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from absl import flags

# Imported for its flags: --verbosity, --log_dir and the like.
from absl import logging as _absl_logging  # noqa: F401

import tfxdr
from tfxdr import spec_text
from tfxdr.errors import InputError
from tfxdr.option_groups import (
    GROUPS,
    Compute,
    Data,
    Evaluate,
    Export,
    Finetune,
    Joint,
    Model,
    Pretrain,
    Recommend,
    Run,
    Task,
)
from tfxdr.settings import Group, Setting, settings_of

_METRICS = ("hr", "mrr", "ndcg")
_CLASS_METRICS = ["accuracy", "macro_f1"]
_BINARY_METRICS = ("auc", "log_loss")  # of joint models
_HELP_WIDTH = 80
_HELP_COLUMN = 27
_EXAMPLES = """\
  python -m tfxdr.main --backbone=nextitnet --policy=all
  python -m tfxdr.main --policy=zero,cls,last-1,all --top_n=5,20
  python -m tfxdr.main --flagfile=flags/demo.flags --seed=1
  python -m tfxdr.main --mode=list"""


@dataclasses.dataclass(frozen=True)
class Options:
    """All options, by group.

    `extra` holds the flags that plugins define and that were set, as text.
    """

    run: Run = dataclasses.field(default_factory=Run)
    data: Data = dataclasses.field(default_factory=Data)
    task: Task = dataclasses.field(default_factory=Task)
    model: Model = dataclasses.field(default_factory=Model)
    pretrain: Pretrain = dataclasses.field(default_factory=Pretrain)
    finetune: Finetune = dataclasses.field(default_factory=Finetune)
    joint: Joint = dataclasses.field(default_factory=Joint)
    evaluate: Evaluate = dataclasses.field(default_factory=Evaluate)
    recommend: Recommend = dataclasses.field(default_factory=Recommend)
    export: Export = dataclasses.field(default_factory=Export)
    compute: Compute = dataclasses.field(default_factory=Compute)
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_profile()
        known = self._metrics()
        trains = self.run.mode == "run"
        if trains and self.finetune.monitor not in ("", *known):
            raise InputError(
                f"--monitor: expected one of {', '.join(known)} (an N is "
                f"one of --top_n), found {self.finetune.monitor!r}"
            )

    def _check_profile(self) -> None:
        if self.task.task != "profile":
            if self.evaluate.class_metrics:
                raise InputError(
                    "--class_metrics: expected --task=profile, found "
                    f"--task={self.task.task}"
                )
            return
        if self.data.split != "random":
            raise InputError(
                "--split: --task=profile splits users at random, found "
                f"--split={self.data.split}"
            )
        if self.evaluate.eval_negatives:
            raise InputError(
                "--eval_negatives: --task=profile ranks nothing, expected 0, "
                f"found {self.evaluate.eval_negatives}"
            )

    def _metrics(self) -> list[str]:
        """What validation may give."""
        if self.task.task == "profile":
            return [*_CLASS_METRICS, *self._more_class_metrics()]
        negatives = self.evaluate.eval_negatives
        suffixes = ["", f"/uni{negatives}"] if negatives else [""]
        return [
            *(
                f"{metric}@{n}{suffix}"
                for metric in _METRICS
                for n in self.evaluate.top_n
                for suffix in suffixes
            ),
            *_BINARY_METRICS,
        ]

    def _more_class_metrics(self) -> list[str]:
        """As `str` of their specs: plugins need not be loaded for it."""
        text = self.evaluate.class_metrics
        if not text:
            return []
        try:
            calls = [
                spec_text.parse_call(t) for t in spec_text.split_specs(text)
            ]
        except InputError as error:
            raise InputError(f"--class_metrics: {error}") from error
        return [spec_text.render_call(*call) for call in calls]

    @property
    def monitor(self) -> str:
        """`--monitor`, or what stands for it when it is empty."""
        if self.finetune.monitor:
            return self.finetune.monitor
        if self.task.task == "profile":
            return _CLASS_METRICS[0]
        return f"mrr@{self.evaluate.top_n[0]}"

    @classmethod
    def from_flags(cls, values: flags.FlagValues = flags.FLAGS) -> Options:
        """The options as absl parsed them.

        Raises:
          InputError: Values that do not go together.
        """
        groups: dict[str, Any] = {
            name: _values(group, values) for name, group in GROUPS.items()
        }
        return cls(**groups, extra=_extra_flags(values))

    def to_flagfile(self) -> str:
        """A flagfile that replays the run: every option, one a line."""
        lines = []
        for name, group in GROUPS.items():
            lines += [f"# {group.__name__}"]
            for key, declared in settings_of(group).items():
                value = getattr(getattr(self, name), key)
                if declared.replay:
                    lines += [f"--{key}={declared.format(value)}"]
        return "\n".join([*lines, *self.extra]) + "\n"


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
_BEFORE_PLUGINS = frozenset(flags.FLAGS)


def _extra_flags(values: flags.FlagValues) -> tuple[str, ...]:
    return tuple(
        values[name].serialize()
        for name in sorted(values)
        if name not in _BEFORE_PLUGINS and not values[name].using_default_value
    )


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
        if not _load_plugins(values):
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
        return parse([argv[0], f"--flagfile={flagfile}", *argv[1:]])
    return Options.from_flags(values)


def _values(group: type[Group], values: flags.FlagValues) -> Any:
    return group(**{key: values[key].value for key in settings_of(group)})


def _read(values: flags.FlagValues, argv: Sequence[str]) -> list[str]:
    """Parses into absl's flags; returns what is no flag."""
    values.unparse_flags()
    values.set_gnu_getopt(True)  # Or absl stops at the first such argument.
    for path in _flagfiles(argv):
        _check_flagfile(path)
    try:
        return values(list(argv))[1:]
    except flags.UnrecognizedFlagError:
        raise
    except flags.CantOpenFlagFileError as error:
        cause = error.__context__
        raise InputError(f"--flagfile: cannot open it: {cause}") from error
    except (flags.Error, ValueError) as error:
        message = str(error).removeprefix("flag ")
        name = message.partition(":")[0].partition("=")[0].lstrip("-")
        raise InputError(_place(argv, name) + message) from error


def _load_plugins(values: flags.FlagValues) -> bool:
    """Whether there are plugins that may define a flag."""
    from tfxdr import plugins

    return bool(plugins.load_plugins(values["plugins"].value or ()))


def _unknown_flag(
    error: flags.UnrecognizedFlagError,
    values: flags.FlagValues,
    argv: Sequence[str],
) -> InputError:
    name = error.flagname
    close = difflib.get_close_matches(name, list(values), n=1)
    hint = (
        f"did you mean --{close[0]}?" if close else "--helpshort lists them all"
    )
    return InputError(f"{_place(argv, name)}unknown flag --{name}; {hint}")


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


def requested_help(argv: Sequence[str]) -> str | None:
    """What `--help`, `--helpshort`, `--helpfull` or `--version` asks for."""
    for word in argv[1:]:
        name = word.lstrip("-")
        if word == "--":
            return None
        if not word.startswith("-"):
            continue
        if name == "version":
            return f"tfxdr {tfxdr.__version__}"
        if name in ("h", "help", "helpshort", "helpfull"):
            return help_text(full=name == "helpfull")
    return None


def help_text(*, full: bool = False) -> str:
    """The options by group, 80 columns wide.

    Args:
      full: Whether the flags of absl and of loaded plugins follow.
    """
    parts = [
        f"tfxdr {tfxdr.__version__}: cross-domain recommendation in TensorFlow"
        f"\n\n{_EXAMPLES}\n\n"
        "Every option stands with its default."
    ]
    for group in GROUPS.values():
        lines = [f"{group.__name__}: {str(group.__doc__).rstrip('.')}"]
        defaults = group()
        for name, declared in settings_of(group).items():
            lines += _help_lines(name, declared, getattr(defaults, name))
        parts.append("\n".join(lines))
    if full:
        ours = {
            name for group in GROUPS.values() for name in settings_of(group)
        }
        lines = ["Other flags"]
        for name in sorted(set(flags.FLAGS) - ours):
            flag = flags.FLAGS[name]
            lines += _wrap(f"--{name}", flag.help or "-")
        parts.append("\n".join(lines))
    else:
        parts.append("--helpfull adds the flags of absl, such as --verbosity.")
    return "\n\n".join(parts)


def _help_lines(name: str, declared: Setting, default: Any) -> list[str]:
    if declared.type is bool:
        flag = f"--[no]{name}"
        return _wrap(flag, f"{declared.help} Default: {str(default).lower()}.")
    text = "..." if default in ("", ()) else declared.format(default)
    choices = f" One of {', '.join(declared.choices)}."
    return _wrap(
        f"--{name}={text}",
        declared.help + (choices if declared.choices else ""),
    )


def _wrap(flag: str, text: str) -> list[str]:
    indent = " " * (_HELP_COLUMN + 2)
    lines = textwrap.wrap(
        text, _HELP_WIDTH - len(indent), break_on_hyphens=False
    )
    body = [indent + line for line in lines]
    if len(flag) > _HELP_COLUMN - 2:
        return [f"  {flag}", *body]
    return [f"  {flag}".ljust(len(indent)) + lines[0], *body[1:]]
