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

from tfxdr import options as option_module
from tfxdr.errors import InputError, TrainingError
from tfxdr.modes import FINISHED, dispatch
from tfxdr.options import presets
from tfxdr.options.groups import Run
from tfxdr.options.help import requested_help
from tfxdr.registry import origins

DONE, BAD_INPUT, FAILED, INTERRUPTED = 0, 1, 2, 130


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
    try:
        argv = presets.expanded(sys.argv if argv is None else argv)
        text = requested_help(argv)
        if text is not None:
            print(text)
            return DONE
        with _interrupts():
            dispatch(option_module.parse(argv, _earlier_flags))
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
