"""Going on from the weights of a run on earlier data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.experiments.contender import TrainedContender
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.start import finished_run
from tfxdr.models.transfer import TransferModel
from tfxdr.types import FIRST_ITEM

if TYPE_CHECKING:
    from tfxdr.experiments.transfer import TransferExperiment


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Items of today among those of before.

    Attributes:
      rows: `[items]` int64: where an item of today stood, from 0; -1 where it
        is new.
      before: how many there were.
    """

    rows: np.ndarray
    before: int

    @classmethod
    def of(cls, now: Sequence[str], before: Sequence[str]) -> Vocabulary:
        """Compares raw ids."""
        places = {item: place for place, item in enumerate(before)}
        rows = [places.get(item, -1) for item in now]
        return cls(np.array(rows, np.int64), len(before))

    @property
    def counts(self) -> dict[str, int]:
        """How many items are known, new, and gone."""
        known = int((self.rows >= 0).sum())
        return {
            "known": known,
            "new": len(self.rows) - known,
            "gone": self.before - known,
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


def warm_start(
    run: str, model: TransferModel, experiment: TransferExperiment
) -> dict[str, Any]:
    """Gives a new model the weights of a finished run.

    What belongs to an item is taken by its raw id: new items keep the values
    of a new model, and those that are gone stay behind, unless the data were
    made to hold them (`GrownData`).

    Args:
      run: the folder of the finished run.
      model: of the same components, for the experiment's data.
      experiment: that goes on.

    Returns:
      What `metrics.json` tells of it: the run, and the counts of both
      vocabularies.

    Raises:
      InputError: there is no such run, or its model is another one.
    """
    contender = finished_run(RunFolder(Path(run)), experiment.progress)
    earlier, old = contender.experiment, None
    if isinstance(contender, TrainedContender):
        old = contender.trained().model
    if not isinstance(old, TransferModel):
        raise InputError(
            f"--warm_start={run}: expected the run of a policy that trains, "
            f"found {contender.spec}"
        )
    source = Vocabulary.of(
        experiment.data.source_ids.tolist(), earlier.data.source_ids.tolist()
    )
    target = Vocabulary.of(experiment.task.target_ids, earlier.task.target_ids)
    carry(old, model, source, target, flag=f"--warm_start={run}")
    return {
        "run": run,
        "source_items": source.counts,
        "target_items": target.counts,
    }


def carry(
    old: TransferModel,
    new: TransferModel,
    source: Vocabulary,
    target: Vocabulary,
    flag: str = "--warm_start",
) -> None:
    """Copies all variables of a model into another of the same components.

    Raises:
      InputError: they are not alike.
    """
    tables = {id(v): source for v in _source_tables(new)}
    tables |= {id(v): target for v in new.head.variables}
    pairs = list(zip(new.variables, old.variables, strict=False))
    alike = len(new.variables) == len(old.variables) and all(
        own.shape[id(own) in tables :] == before.shape[id(own) in tables :]
        for own, before in pairs
    )
    if not alike:
        raise InputError(
            f"{flag}: expected a run with the same backbone, policy, policy "
            "network and tuner as this one, found other weights; give the "
            "options of that run, or leave the flag out to train anew"
        )
    for own, before in pairs:
        vocabulary = tables.get(id(own))
        value = tf.convert_to_tensor(before).numpy()
        if vocabulary is not None:
            now = tf.convert_to_tensor(own).numpy()
            value = vocabulary.carried(now, value)
        own.assign(value)


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
        f"{told[f'{domain}_items']['known']:,} {domain} items are known, "
        f"{told[f'{domain}_items']['new']:,} new, "
        f"{told[f'{domain}_items']['gone']:,} gone"
        for domain in ("source", "target")
    ]
    return f"warm start from {told['run']}: {'; '.join(parts)}"
