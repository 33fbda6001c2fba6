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
from typing import Any

from tfxdr.errors import InputError, TrainingError
from tfxdr.experiments.run_names import find_run
from tfxdr.modes import FINISHED, dispatch
from tfxdr.options import Options, presets
from tfxdr.options.flags import parse
from tfxdr.options.groups import Run
from tfxdr.options.help import requested_help
from tfxdr.registry import origins
from tfxdr.start_up import keep_freed_memory, printable, usable_streams

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 1, 2, 130
# What interrupts, and what Python does of itself; a scheduler's is the second.
_SIGNALS: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
_HOW = "how_to_go_on"  # of an error that a mode was left by

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
    with usable_streams():
        return _main(argv)


def _main(argv: Sequence[str] | None) -> int:
    signals: list[int] = []
    try:
        words = presets.expanded(_command_line(argv))
        text = requested_help(words)
        if text is not None:
            print(text)
            return DONE
        keep_freed_memory()
        with _interrupts(signals):
            dispatch(_parsed(words, from_process=argv is None))
        sys.stdout.flush()  # Later nobody could say what went wrong.
    except InputError as error:
        return _fail(error, BAD_INPUT)
    except TrainingError as error:
        return _fail(error, FAILED)
    except MemoryError as error:  # outside of training, which says more
        return _fail(
            f"out of memory ({error}); map histories and targets by "
            "--in_memory=false, or keep less of them by --max_history",
            FAILED,
        )
    except BrokenPipeError:  # Whoever read us has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _fail(error, BAD_INPUT)
    except KeyboardInterrupt as error:
        how = [getattr(e, _HOW, "") for e in (error, error.__cause__)]
        how = [text for text in how if text] or ["start it again"]
        print(f"interrupted; {how[0]}", file=sys.stderr)
        return 128 + signals[0] if signals else INTERRUPTED
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
def _interrupts(signals: list[int]) -> Iterator[None]:
    """Any failure after Ctrl-C or SIGTERM is a KeyboardInterrupt.

    Python raises that wherever it stands, and a C++ library that called back
    into Python may make an error of its own of it.

    Args:
      signals: takes the number of what came.
    """

    def interrupt(number: int, _) -> None:
        signals.append(number)
        raise KeyboardInterrupt

    ours = [
        number
        for number, default in _SIGNALS.items()
        if signal.getsignal(number) is default
        and threading.current_thread() is threading.main_thread()
    ]
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    except Exception as error:
        if signals:
            raise KeyboardInterrupt from error
        raise
    finally:
        for number in ours:
            signal.signal(number, _SIGNALS[number])


def _fail(error: Exception | str, code: int) -> int:
    text = printable(str(error), keep="\n")
    print(f"error: {text}", file=sys.stderr)
    return code


def _earlier_flags(run: Run) -> Path | None:
    """The options of the run that `--run` names, if this goes on with it."""
    if not run.run or not (run.resume or run.mode in FINISHED):
        return None
    path = find_run(run.run, run.runs_dir) / "options.flags"
    return path if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
