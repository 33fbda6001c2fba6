"""The command line: `python -m tfxdr.main`.

Parses options, runs one mode, and says how it ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from tfxdr.errors import InputError, TrainingError
from tfxdr.modes import FINISHED, dispatch
from tfxdr.options import Options
from tfxdr.options.flags import parse
from tfxdr.options.groups import Run
from tfxdr.options.help import requested_help
from tfxdr.registry import origins

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 1, 2, 130

_PROGRAM = "tfxdr"
# What stands for the program's name behind `python -`, `-c` and `-m`.
_NO_OPTIONS = ("-", "-c", "-m")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code.

    It may be called any number of times in a process.

    Args:
      argv: options, with the program's name before them or without; by
        default those of this process.

    Returns:
      0 done, 1 bad usage or input, 2 training failed, 130 interrupted.

    Raises:
      InputError: it was called by a file that is loaded as a plugin.
    """
    if origins.loading:
        raise InputError(
            "it calls tfxdr's main when it is imported: put the call under "
            'if __name__ == "__main__"'
        )
    try:
        words = _command_line(argv)
        text = requested_help(words)
        if text is not None:
            print(text)
            return DONE
        with _interrupts():
            dispatch(_parsed(words, from_process=argv is None))
    except InputError as error:
        return _fail(error, BAD_INPUT)
    except TrainingError as error:
        return _fail(error, FAILED)
    except BrokenPipeError:  # Whoever read us has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _fail(error, BAD_INPUT)
    except KeyboardInterrupt:
        print("interrupted; go on with --resume", file=sys.stderr)
        return INTERRUPTED
    return DONE


def _command_line(argv: Sequence[str] | None) -> list[str]:
    """Options with a program's name before them.

    Raises:
      InputError: it is one text, which would be read letter by letter.
    """
    if argv is None:
        return [_PROGRAM, *sys.argv[1:]]
    if isinstance(argv, str):
        raise InputError(
            "main: expected a list of options such as "
            f'["--mode=list"], found the text {argv!r}'
        )
    words = list(argv)
    if words and (words[0] in _NO_OPTIONS or not words[0].startswith("-")):
        return words
    return [_PROGRAM, *words]


def _parsed(words: Sequence[str], *, from_process: bool) -> Options:
    try:
        return parse(words, _earlier_flags)
    except InputError as error:
        if not (from_process and _in_notebook()):
            raise
        raise InputError(
            f"{error}. These are the arguments of the notebook's kernel: pass "
            'your own, as in main(["--mode=list"])'
        ) from error


def _in_notebook() -> bool:
    """Whether the process's arguments are those of a notebook's kernel."""
    return "ipykernel" in sys.modules or "kernel" in Path(sys.argv[0]).name


@contextlib.contextmanager
def _interrupts() -> Iterator[None]:
    """Any failure after Ctrl-C is a KeyboardInterrupt.

    Python raises that wherever it stands, and a C++ library that called back
    into Python may make an error of its own of it.
    """
    came = False

    def interrupt(*_) -> None:
        nonlocal came
        came = True
        raise KeyboardInterrupt

    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ours = ours and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        if came:
            raise KeyboardInterrupt from error
        raise
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _fail(error: Exception | str, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


def _earlier_flags(run: Run) -> Path | None:
    """The options of the run that `--run` names, if this goes on with it."""
    path = Path(run.run) / "options.flags"
    goes_on = run.resume or run.mode in FINISHED
    return path if run.run and goes_on and path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
