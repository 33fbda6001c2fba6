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

from tfxdr import options as option_module
from tfxdr.errors import InputError, TrainingError
from tfxdr.experiments.run_names import find_run
from tfxdr.modes import FINISHED, dispatch
from tfxdr.options import presets
from tfxdr.options.groups import Run
from tfxdr.options.help import requested_help
from tfxdr.registry import origins
from tfxdr.report.text import printable
from tfxdr.start_up import usable_streams

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 1, 2, 130
# What interrupts, and what Python does of itself; a scheduler's is the second.
_SIGNALS: dict[int, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
_HOW = "how_to_go_on"  # of an error that a mode was left by


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line; returns the exit code.

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
        return _main(sys.argv if argv is None else argv)


def _main(argv: Sequence[str]) -> int:
    signals: list[int] = []
    try:
        argv = presets.expanded(sys.argv if argv is None else argv)
        text = requested_help(argv)
        if text is not None:
            print(text)
            return DONE
        with _interrupts(signals):
            dispatch(option_module.parse(argv, _earlier_flags))
        sys.stdout.flush()  # Later nobody could say what went wrong.
    except InputError as error:
        return _fail(error, BAD_INPUT)
    except TrainingError as error:
        return _fail(error, FAILED)
    except BrokenPipeError:  # Whoever read us has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _fail(error, BAD_INPUT)
    except KeyboardInterrupt as error:
        how = [getattr(e, _HOW, "") for e in (error, error.__cause__)]
        how = [text for text in how if text] or ["go on with --resume"]
        print(f"interrupted; {how[0]}", file=sys.stderr)
        return 128 + signals[0] if signals else INTERRUPTED
    return DONE


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
