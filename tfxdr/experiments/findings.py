"""What the runs of a comparison show of deciding user by user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tfxdr.errors import InputError
from tfxdr.evaluation.comparison import Verdicts
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.headroom import between
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import NextTarget
from tfxdr.registry import Spec
from tfxdr.report.headroom import has_room

# Nobody tuned, everybody tuned: what there is to decide lies between them.
_ENDS = ("cls", "all")


def findings(
    experiment: Experiment, folders: Mapping[Spec, RunFolder]
) -> list[str]:
    """Sentences on which policies decide, and on what there was to decide.

    Args:
      experiment: has data and options, for one seed.
      folders: of its finished runs.
    """
    named = {str(spec): spec for spec in folders}
    room, lines = None, []
    ranks = isinstance(experiment.task, NextTarget)
    if ranks and all(name in named for name in _ENDS):
        ends = [named[name] for name in _ENDS]
        try:
            room = between(
                [experiment.contender(spec, folders[spec]) for spec in ends]
            )
            lines.append(room.remarks[0])
        except InputError as error:  # The runs themselves are good.
            lines.append(f"Whether there was anything to route: {error}.")
    return [*_deciding(folders, room), *lines]


def _deciding(
    folders: Mapping[Spec, RunFolder], room: Verdicts | None
) -> Iterator[str]:
    """A sentence on each policy that gives users actions of their own."""
    for spec, folder in folders.items():
        actions = folder.read().get("actions")
        if actions is None:
            continue
        if actions["collapsed"]:
            yield (
                f"{spec} has collapsed, all users get the same actions: "
                f"{_why(room)}."
            )
        else:
            yield (
                f"{spec} has not collapsed: {actions['distinct']:.0f} "
                "different rows of tuned blocks, variance of the actions "
                f"{actions['variance']:.4f}."
            )


def _why(room: Verdicts | None) -> str:
    if room is None:
        return (
            "whether there was anything to route is not known; --policy="
            f"{','.join(_ENDS)} beside it would tell"
        )
    if has_room(room):
        return "it has missed what there was to route"
    return "no router found anything to route either"
