"""What each `--mode` does.

TensorFlow is imported only by the modes that need it, so that help and wrong
flags answer at once.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence

from tfxdr.errors import InputError
from tfxdr.experiments.components import (
    check_texts,
    chosen_specs,
    with_names_of_metrics,
)
from tfxdr.modes import answers, training
from tfxdr.modes.start import distributed, import_components, mixed_precision
from tfxdr.modes.start import make_experiment as make_experiment
from tfxdr.options import Options
from tfxdr.options.beside import refuse_unread_by_mode
from tfxdr.registry import Spec, origins, plugins
from tfxdr.registry.listing import explain_text, list_text, listing
from tfxdr.start_up import keras_as_it_comes

# Those that go on from a finished run, and take its options.
FINISHED = ("evaluate", "recommend", "explain", "export")


def dispatch(options: Options) -> None:
    """Runs the mode of some options."""
    check_texts(options)  # before anything heavy is imported
    refuse_unread_by_mode(options)
    _check_export(options)
    import_components()
    options = _with_absolute_plugins(options)
    loaded = plugins.load_plugins(options.run.plugins)
    if options.run.mode != "list":
        _warn_of_broken(loaded)
    options = with_names_of_metrics(options)
    _note_session(tuple(chosen_specs(options)))  # checks all names, too
    devices, precision = distributed(options), mixed_precision(options)
    with keras_as_it_comes(), devices as takes_part, precision:
        if takes_part:
            _MODES[options.run.mode](options)


def _check_export(options: Options) -> None:
    """Refuses an export that nobody would make."""
    mode, place = options.run.mode, options.export.export_dir
    kind = options.compute.distribute
    if place and mode == "run" and kind != "none":
        raise InputError(
            f"--export_dir={place}: a model is exported on one machine, and "
            f"--distribute={kind} trains on several; export it afterwards by "
            "--mode=export --run=FOLDER"
        )


def _with_absolute_plugins(options: Options) -> Options:
    """With plugins by which a run can be replayed from any folder."""
    given = tuple(map(plugins.absolute, options.run.plugins))
    run = dataclasses.replace(options.run, plugins=given)
    return dataclasses.replace(options, run=run)


def _warn_of_broken(loaded: Sequence[origins.LoadedPlugin]) -> None:
    """A broken plugin stops only what asks for it."""
    for plugin in loaded:
        if plugin.error is not None:
            print(f"warning: plugin {plugin}", file=sys.stderr)


def _note_session(chosen: Sequence[Spec]) -> None:
    """Says which components a later command has to be given."""
    names = [
        f"{spec.kind} {spec.name}"
        for spec in chosen
        if origins.of_this_session(spec.entry.origin)
    ]
    if names:
        verb = "is" if len(names) == 1 else "are"
        print(
            f"note: {', '.join(names)} {verb} registered in this session "
            "alone: replay the run in it, or by --plugins=FILE",
            file=sys.stderr,
        )


def _list(options: Options) -> None:
    name = options.run.component
    if options.recommend.format == "json":
        found = listing(name)
        print(json.dumps(found, default=str))
    else:
        print(explain_text(name) if name else list_text())


def _inspect(options: Options) -> None:
    from tfxdr.modes.inspect import inspect

    inspect(options)


def _compare(options: Options) -> None:
    from tfxdr.modes.comparison import compare

    compare(options)


def _headroom(options: Options) -> None:
    from tfxdr.modes.comparison import headroom

    headroom(options)


def _report(options: Options) -> None:
    from tfxdr.modes.report import report

    report(options)


def _results(options: Options) -> None:
    from tfxdr.modes.report import results

    results(options)


def _sweep(options: Options) -> None:
    from tfxdr.modes.sweep import sweep

    sweep(options)


_MODES = {
    "run": training.run,
    "prepare": training.prepare,
    "inspect": _inspect,
    "pretrain": training.pretrain,
    "evaluate": training.evaluate,
    "compare": _compare,
    "headroom": _headroom,
    "sweep": _sweep,
    "report": _report,
    "results": _results,
    "recommend": answers.recommend,
    "explain": answers.explain,
    "export": answers.export,
    "list": _list,
}
