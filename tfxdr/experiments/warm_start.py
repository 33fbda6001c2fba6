"""Going on from what a run on earlier data has learned."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import tensorflow as tf

from tfxdr.data.grown import GrownData, Kept
from tfxdr.errors import InputError
from tfxdr.experiments.contender import TrainedContender
from tfxdr.experiments.warm_start_source import source_of
from tfxdr.models.transfer import TransferModel
from tfxdr.training.finetuning import FinetuneStage
from tfxdr.training.parameters import ParameterGroups
from tfxdr.training.slots import are_kept, count_on, slots
from tfxdr.types import FIRST_ITEM

GOES_ON = "goes on from what it knew"

if TYPE_CHECKING:
    from tfxdr.experiments.transfer import TransferExperiment
    from tfxdr.experiments.transfer_contender import TransferContender


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Items of today among those of before.

    Attributes:
      rows: `[items]` int64: where an item of today stood, from 0; -1 where it
        is new.
      before: how many there were.
      kept: how many of today's are in a model alone, and not in the data.
    """

    rows: np.ndarray
    before: int
    kept: int = 0

    @classmethod
    def of(
        cls,
        now: Sequence[str],
        before: Sequence[str],
        vanished: Collection[str] = (),
    ) -> Vocabulary:
        """Compares raw ids.

        Args:
          now: of today.
          before: of the earlier run.
          vanished: those that the data of today do not have.
        """
        places = {item: place for place, item in enumerate(before)}
        rows = [places.get(item, -1) for item in now]
        kept = sum(item in vanished for item in now) if vanished else 0
        return cls(np.array(rows, np.int64), len(before), kept)

    @property
    def counts(self) -> dict[str, int]:
        """How many items are known, new, kept though they vanished, and gone.

        The first two are all that the data have; all but the second are all
        that the earlier run had.
        """
        there = int((self.rows >= 0).sum())
        return {
            "known": there - self.kept,
            "new": len(self.rows) - there,
            "kept": self.kept,
            "gone": self.before - there,
        }

    def carried(self, table: np.ndarray, before: np.ndarray) -> np.ndarray:
        """A table with the rows of known items, and of what is no item."""
        table = table.copy()
        table[:FIRST_ITEM] = before[:FIRST_ITEM]
        known = self.rows >= 0
        items = table[FIRST_ITEM : FIRST_ITEM + len(self.rows)]
        items[known] = before[FIRST_ITEM + self.rows[known]]
        table[FIRST_ITEM + len(self.rows) :] = before[
            FIRST_ITEM + self.before :
        ]
        return table


class Pair(NamedTuple):
    """A variable, and what it was in the earlier run.

    Attributes:
      now: of the new model.
      before: of the earlier one.
      items: whose rows they have; `None` if they have no row for each item.
    """

    now: tf.Variable
    before: tf.Variable
    items: Vocabulary | None

    def carry(self, now: tf.Variable, before: tf.Variable) -> None:
        """Gives `now`, of the shape of this variable, the values of `before`,
        of the shape of the other one."""
        value = tf.convert_to_tensor(before).numpy()
        if self.items is not None:
            own = tf.convert_to_tensor(now).numpy()
            value = self.items.carried(own, value)
        now.assign(value)


def warm_start(
    run: str, stage: FinetuneStage, experiment: TransferExperiment
) -> dict[str, Any]:
    """Gives a new stage the weights of a finished run.

    What belongs to an item is taken by its raw id: new items keep the values
    of a new model, and those that are gone stay behind, unless the data were
    made to hold them (`GrownData`). Once the stage has optimizers, they get
    what the run's knew of the same weights.

    Args:
      run: the folder of the finished run.
      stage: of the same components, for the experiment's data.
      experiment: that goes on.

    Returns:
      What `metrics.json` tells of it: the run, the counts of both
      vocabularies, and whether the optimizer goes on.

    Raises:
      InputError: there is no such run, or its model is another one.
    """
    contender = source_of(run, experiment.progress)
    earlier, old = contender.experiment, None
    if isinstance(contender, TrainedContender):
        old = contender.trained().model
    if not isinstance(old, TransferModel):
        raise InputError(
            f"--warm_start={run}: expected the run of a policy that trains, "
            f"found {contender.spec}"
        )
    data = experiment.data
    kept: Kept = {"source": {}, "target": {}}
    if isinstance(data, GrownData):
        kept = data.kept
    source = Vocabulary.of(
        data.source_ids.tolist(),
        earlier.data.source_ids.tolist(),
        kept["source"],
    )
    target = Vocabulary.of(
        experiment.task.target_ids, earlier.task.target_ids, kept["target"]
    )
    found = pairs(old, stage.model, source, target, flag=f"--warm_start={run}")
    for pair in found:
        pair.carry(pair.now, pair.before)
    try:
        before = optimizers_of(cast("TransferContender", contender), experiment)
        stage.earlier = functools.partial(
            carry_optimizers, before=before, pairs=found
        )
        optimizer = GOES_ON
    except InputError as error:
        optimizer = f"starts anew: {error}"
    return {
        "run": run,
        "source_items": source.counts,
        "target_items": target.counts,
        "optimizer": optimizer,
    }


def pairs(
    old: TransferModel,
    new: TransferModel,
    source: Vocabulary,
    target: Vocabulary,
    flag: str = "--warm_start",
) -> list[Pair]:
    """All variables of a model, with those of another of the same components.

    Raises:
      InputError: they are not alike.
    """
    items = {id(v): source for v in _source_tables(new)}
    items |= {id(v): target for v in new.head.variables}
    found = [
        Pair(now, before, items.get(id(now)))
        for now, before in zip(new.variables, old.variables, strict=False)
    ]
    alike = len(new.variables) == len(old.variables) and all(
        now.shape[known is not None :] == before.shape[known is not None :]
        for now, before, known in found
    )
    if not alike:
        raise InputError(
            f"{flag}: expected a run with the same backbone, policy, policy "
            "network and tuner as this one, found other weights; give the "
            "options of that run, or leave the flag out to train anew"
        )
    return found


def optimizers_of(
    contender: TransferContender, experiment: TransferExperiment
) -> ParameterGroups:
    """The optimizers of a finished run, if a new one's can go on with them.

    Raises:
      InputError: says why they cannot.
    """
    chosen = experiment.options.finetune
    before = contender.experiment.optimizer.name
    if before != experiment.optimizer.name:
        raise InputError(f"that run's was {before}")
    if chosen.lr_schedule != "constant" or chosen.warmup_steps:
        raise InputError(
            "--lr_schedule and --warmup_steps count its steps from 0"
        )
    found = contender.moved()
    if not are_kept(found):
        raise InputError(f"what {before} keeps is not known by item")
    return found


def carry_optimizers(
    now: ParameterGroups, *, before: ParameterGroups, pairs: Sequence[Pair]
) -> None:
    """Gives new optimizers what earlier ones knew, item by item.

    Args:
      now: what moves the new model.
      before: what moved the earlier one, with optimizers of the same kind.
      pairs: of both models' variables. What only one of them moves begins as
        in a new optimizer.
    """
    ours, theirs = slots(now), slots(before)
    for pair in pairs:
        known = theirs.get(id(pair.before), {})
        for name, slot in ours.get(id(pair.now), {}).items():
            if name in known:
                pair.carry(slot, known[name])
    count_on(now, before)


def _source_tables(model: TransferModel) -> list[tf.Variable]:
    """Variables with a row for each source item."""
    tables = [model.backbone.embedding.embeddings]
    if model.policy_network is not None:
        tables.append(model.policy_network.encoder.embedding.embeddings)
    if model.source is not None:
        tables += [v for v in model.source.head.variables if v is not tables[0]]
    return tables


def described(told: Mapping[str, Any]) -> str:
    """A line for the person: what came along."""
    parts = [
        _counted(domain, told[f"{domain}_items"])
        for domain in ("source", "target")
    ]
    parts.append(f"the optimizer {told['optimizer']}")
    return f"warm start from {told['run']}: {'; '.join(parts)}"


def _counted(domain: str, counts: Mapping[str, int]) -> str:
    """What became of a domain's items: those that vanished are kept, or not."""
    vanished = f"{counts['gone']:,} gone"
    if counts["kept"]:
        vanished = f"{counts['kept']:,} kept that the data no longer have"
    return (
        f"{counts['known']:,} {domain} items are known, "
        f"{counts['new']:,} new, {vanished}"
    )
