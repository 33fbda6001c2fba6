"""What each `--mode` does.

TensorFlow is imported only by the modes that need it, so that help and wrong
flags answer at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tfxdr import plugins
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
    loaded = plugins.load_plugins(options.run.plugins)
    if options.run.mode != "list":
        _warn_of_broken(loaded)
    _check_names(options)
    _MODES[options.run.mode](options)


def _warn_of_broken(loaded: Sequence[LoadedPlugin]) -> None:
    """A broken plugin stops only what asks for it."""
    for plugin in loaded:
        if plugin.error is not None:
            print(f"warning: plugin {plugin}", file=sys.stderr)


def _list(options: Options) -> None:
    del options
    print(plugins.list_text())


def _check_names(options: Options) -> None:
    """Refuses what cannot be named, before anything is done."""
    from tfxdr.registry import (
        backbones,
        callbacks,
        class_metrics,
        datasets,
        meta_learners,
        policies,
        policy_networks,
        tuners,
    )

    backbones.parse(options.model.backbone)
    policies.parse_list(options.model.policy)
    meta_learners.parse_list(options.joint.meta)
    policy_networks.parse(options.model.policy_network)
    tuners.parse(options.model.tuner)
    datasets.parse(options.data.dataset)
    for known, text in (
        (callbacks, options.finetune.callbacks),
        (class_metrics, options.evaluate.class_metrics),
    ):
        if text:
            known.parse_list(text)


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
