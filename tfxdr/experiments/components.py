"""The components that options ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from tfxdr import registry
from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import CODE_OF
from tfxdr.options import Options
from tfxdr.options.groups import GROUPS
from tfxdr.options.settings import settings_of
from tfxdr.registry import Registry, Spec
from tfxdr.registry.metric_names import CLASS_METRICS

AUTO = "auto"  # of --loss: the task's own


def chosen_specs(options: Options) -> Iterator[Spec]:
    """Every component that an option names.

    Raises:
      InputError: A name is unknown, or one of its options is.
    """
    for known, text in _texts(options):
        yield from known.parse_list(text)


def _texts(options: Options) -> Iterator[tuple[Registry, str]]:
    """What names components, by their kind."""
    for known in registry.ALL:
        (text,) = (
            getattr(getattr(options, group), known.flag)
            for group, declared in GROUPS.items()
            if known.flag in settings_of(declared)
        )
        if text not in ("", AUTO):
            yield known, text


def check_texts(options: Options) -> None:
    """Refuses what no component can be called, whatever there are.

    Raises:
      InputError: Brackets or quotes that do not match, or no option=value.
    """
    for known, text in _texts(options):
        known.check_text(text)


def flagfile(options: Options) -> str:
    """What replays a run, with a line for the code of each plugin's component.

    Such a line is a comment for absl; `RunFolder` compares it.
    """
    lines = []
    for spec in chosen_specs(options):
        if spec.code:
            lines.append(f"{CODE_OF}{spec.kind} {spec.name}={spec.code}\n")
    return options.to_flagfile() + "".join(lines)


def with_names_of_metrics(options: Options) -> Options:
    """Options whose class metrics, and monitor, are called as results are.

    `fbeta(beta=2)` is `fbeta(beta=2.0)` there, if `beta` is a float.

    Raises:
      InputError: A metric is unknown, or stands there twice.
    """
    known, text = registry.class_metrics, options.evaluate.class_metrics
    if not text:
        return options
    names = [str(spec) for spec in known.parse_list(text)]
    if len(set(names)) < len(names):
        raise InputError(
            f"--class_metrics: expected different ones, found {text}"
        )
    monitor = options.finetune.monitor
    if monitor not in ("", *CLASS_METRICS):
        monitor = str(known.parse(monitor))
    return dataclasses.replace(
        options,
        evaluate=dataclasses.replace(
            options.evaluate, class_metrics=",".join(names)
        ),
        finetune=dataclasses.replace(options.finetune, monitor=monitor),
    )
