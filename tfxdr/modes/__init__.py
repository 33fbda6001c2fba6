"""What each `--mode` does.

TensorFlow is imported only by the modes that need it, so that help and wrong
flags answer at once.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

from tfxdr import plugins
from tfxdr.components import chosen_specs, with_names_of_metrics
from tfxdr.modes import answers, training
from tfxdr.modes.start import import_components
from tfxdr.modes.start import make_experiment as make_experiment
from tfxdr.options import Options
from tfxdr.origins import LoadedPlugin

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
    for _ in chosen_specs(options):
        pass  # Refuses what cannot be named, before anything is done.
    _MODES[options.run.mode](options)


def _replayable(options: Options) -> Options:
    """With plugins by which a run can be replayed from any folder.

    A script that registers components is one of them.
    """
    given = [plugins.absolute(spec) for spec in options.run.plugins]
    script = plugins.script_with_components()
    if script is not None and script not in given:
        given.append(script)
    run = dataclasses.replace(options.run, plugins=tuple(given))
    return dataclasses.replace(options, run=run)


def _warn_of_broken(loaded: Sequence[LoadedPlugin]) -> None:
    """A broken plugin stops only what asks for it."""
    for plugin in loaded:
        if plugin.error is not None or not plugin.names:
            print(f"warning: plugin {plugin}", file=sys.stderr)


def _list(options: Options) -> None:
    del options
    print(plugins.list_text())


_MODES = {
    "run": training.run,
    "prepare": training.prepare,
    "pretrain": training.pretrain,
    "evaluate": training.evaluate,
    "recommend": answers.recommend,
    "explain": answers.explain,
    "export": answers.export,
    "list": _list,
}
