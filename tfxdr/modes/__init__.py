"""What each `--mode` does.

TensorFlow is imported only by the modes that need it, so that help and wrong
flags answer at once.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

from tfxdr.modes import answers, training
from tfxdr.modes.components import check_names, with_names_of_metrics
from tfxdr.modes.start import import_components
from tfxdr.modes.start import make_experiment as make_experiment
from tfxdr.options import Options
from tfxdr.registry import plugins
from tfxdr.registry.listing import list_text
from tfxdr.registry.origins import LoadedPlugin, main_script

# Those that go on from a finished run, and take its options.
FINISHED = ("evaluate", "recommend", "explain", "export")


def dispatch(options: Options) -> None:
    """Runs the mode of some options."""
    import_components()
    options = _replayable(options)
    loaded = plugins.load_plugins(options.run.plugins)
    if options.run.mode != "list":
        _warn_of_broken(loaded)
    options = with_names_of_metrics(options)
    check_names(options)  # before anything is done
    _MODES[options.run.mode](options)


def _replayable(options: Options) -> Options:
    """With plugins by which a run can be replayed from any folder.

    A script that registers components, by itself or by what it imports, is one
    of them.
    """
    given = [plugins.absolute(spec) for spec in options.run.plugins]
    session = plugins.of_this_session()
    script = main_script()
    if session and script is not None and str(script) not in given:
        given.append(str(script))
    elif session and script is None:
        print(
            f"note: {', '.join(session)} registered here: the run can be "
            "replayed in this session alone",
            file=sys.stderr,
        )
    run = dataclasses.replace(options.run, plugins=tuple(given))
    return dataclasses.replace(options, run=run)


def _warn_of_broken(loaded: Sequence[LoadedPlugin]) -> None:
    """A broken plugin stops only what asks for it."""
    for plugin in loaded:
        if plugin.error is not None or (plugin.given and not plugin.names):
            print(f"warning: plugin {plugin}", file=sys.stderr)


def _list(options: Options) -> None:
    del options
    print(list_text())


def _inspect(options: Options) -> None:
    # It reads files, and so imports what help can do without.
    from tfxdr.modes.inspect import inspect

    inspect(options)


_MODES = {
    "run": training.run,
    "prepare": training.prepare,
    "inspect": _inspect,
    "pretrain": training.pretrain,
    "evaluate": training.evaluate,
    "recommend": answers.recommend,
    "explain": answers.explain,
    "export": answers.export,
    "list": _list,
}
