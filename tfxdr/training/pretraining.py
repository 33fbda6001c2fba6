"""Pre-training on the source domain, done once and shared by all policies."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import Backbone
from tfxdr.data.batches import PretrainBatches
from tfxdr.data.ragged import Ragged
from tfxdr.errors import InputError
from tfxdr.evaluation import Ranker, ranking_metrics
from tfxdr.files import read_json, write_json, written_aside
from tfxdr.models.pretrain import PretrainModel
from tfxdr.registry import Spec, optimizers
from tfxdr.training.checkpoint import restore_variables, save_variables
from tfxdr.training.history import History
from tfxdr.training.loop import Loop, LoopSettings
from tfxdr.training.memory import enough_memory
from tfxdr.training.optimizers import OptimizerSettings, ParameterGroups
from tfxdr.training.progress import Progress

MONITOR = "validation_loss"
TOP_N = (5, 10)  # cutoffs of the ranking metrics, which decide nothing
_LOGITS_BYTES = 256 << 20  # of a validation batch's full softmax
_FORMAT = 1  # of a cached folder; raised when old ones cannot be read


@dataclasses.dataclass(frozen=True)
class PretrainSettings:
    """How the backbone learns the source domain.

    Attributes:
      epochs: at most; 0 leaves the random weights.
      patience: epochs without a lower validation loss until it stops.
      batch_size: users.
      learning_rate: of Adam.
      loss: `auto`, `softmax` or `sampled_softmax`.
      num_sampled: shared negatives of the sampled softmax.
      validation: share of the users that are held out.
      seed: of initial weights, held-out users, order and sampling.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    loss: str
    num_sampled: int
    validation: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A pre-trained backbone on disk.

    Attributes:
      folder: of its variables.
      metrics: of its best epoch, with `epochs` and `seconds`.
      cached: whether it was there already.
    """

    folder: Path
    metrics: dict[str, float]
    cached: bool

    def restore(self, backbone: Backbone) -> None:
        """Reads the variables into a backbone of the same options.

        Raises:
          InputError: if they are damaged.
        """
        backbone(tf.zeros([1, 1], tf.int32))
        restore_variables(
            self.folder / "weights",
            tf.train.Checkpoint(backbone=backbone),
            remedy=f"delete {self.folder} to pre-train anew",
        )


class PretrainTask:
    """Next item at every position; judged on users that are held out.

    Args:
      model: backbone and softmax.
      batches: training histories.
      validation: rows of the held-out users, two items or more each.
      batch_size: users, in validation; fewer if their logits are large.
    """

    name = "pretrain"

    def __init__(
        self,
        model: PretrainModel,
        batches: PretrainBatches,
        validation: Ragged,
        *,
        batch_size: int,
    ) -> None:
        self.model = model
        self.batches = batches
        self._validation = validation
        row_bytes = 4 * model.head.num_items * int(validation.lengths.max())
        fitting = max(1, _LOGITS_BYTES // row_bytes)
        self._batch_size = min(batch_size, fitting)
        history, last = _split_last(validation)
        empty = Ragged(np.zeros(0, np.int32), np.zeros(len(last) + 1, np.int64))
        self._ranker = Ranker(
            history,
            last,
            seen=empty,
            positives=last,
            num_items=model.head.num_items,
            batch_size=batch_size,
        )
        signature = [tf.TensorSpec([None, None], tf.int32)]
        self._loss = tf.function(model.full_loss, input_signature=signature)
        self._scores = tf.function(model.call, input_signature=signature)

    def validate(self) -> dict[str, float]:
        """Loss per position, and the last item's rank among all items.

        Items of the history compete too: a user may come back to one.
        """
        ranking = self._ranker.rank(self._scores)
        return {MONITOR: self._mean_loss()} | ranking_metrics(
            ranking.rank, TOP_N
        )

    def _mean_loss(self) -> float:
        total = count = 0.0
        for start in range(0, len(self._validation), self._batch_size):
            rows = np.arange(
                start, min(start + self._batch_size, len(self._validation))
            )
            loss, size = self._loss(self._validation.pad_left(rows))
            total, count = total + float(loss), count + float(size)
        return total / count


def pretrain(
    history: Ragged,
    *,
    fingerprint: str,
    num_items: int,
    backbone: Spec,
    settings: PretrainSettings,
    cache_dir: Path,
    run_folder: Path,
    resume: bool,
    checkpoint_seconds: float,
    progress: Progress,
) -> Pretrained:
    """Pre-trains a backbone, or finds it in the cache.

    Args:
      history: rows of source items, all users.
      fingerprint: content hash of the data.
      num_items: size of the source table.
      backbone: what to train.
      settings: how.
      cache_dir: holds `pretrained/<backbone>-<hash>`.
      run_folder: holds checkpoints and history while it runs.
      resume: go on from the run's checkpoint.
      checkpoint_seconds: time between checkpoints.
      progress: what the person sees.

    Raises:
      InputError: if too few users have two source items.
      TrainingError: if the loss is not finite.
    """
    identity = _identity(fingerprint, backbone, settings)
    folder = cache_dir / "pretrained" / f"{backbone.name}-{_digest(identity)}"
    if folder.is_dir():
        metrics = read_json(folder / "pretraining.json")["metrics"]
        progress.say(f"pretrain: found in {folder}")
        return Pretrained(folder, metrics, cached=True)
    keras.utils.set_random_seed(settings.seed)
    with enough_memory("pretrain"):
        model = PretrainModel(
            backbone.build(num_items=num_items),
            num_items,
            loss=settings.loss,
            num_sampled=settings.num_sampled,
        )
        model(tf.zeros([1, 1], tf.int32))
    metrics = _fit(
        model,
        history,
        settings,
        run_folder,
        resume=resume,
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
    )
    with written_aside(folder) as partial:
        save_variables(
            partial / "weights",
            tf.train.Checkpoint(backbone=model.backbone, head=model.head),
        )
        write_json(
            partial / "pretraining.json",
            {"identity": identity, "metrics": metrics},
        )
    shutil.rmtree(_checkpoints(run_folder), ignore_errors=True)
    return Pretrained(folder, metrics, cached=False)


def _checkpoints(run_folder: Path) -> Path:
    return run_folder / "checkpoints" / PretrainTask.name


def _fit(
    model: PretrainModel,
    history: Ragged,
    settings: PretrainSettings,
    run_folder: Path,
    *,
    resume: bool,
    checkpoint_seconds: float,
    progress: Progress,
) -> dict[str, float]:
    training, validation = _hold_out(
        history, settings.validation, settings.seed
    )
    batches = PretrainBatches(
        training, batch_size=settings.batch_size, seed=settings.seed
    )
    parameters = ParameterGroups(
        OptimizerSettings(optimizers.parse("adam"), settings.learning_rate),
        pretrained=[],
        new=model.trainable_variables,
        total_steps=settings.epochs * batches.steps,
    )
    loop = Loop(
        PretrainTask(
            model,
            batches,
            validation,
            batch_size=settings.batch_size,
        ),
        parameters,
        LoopSettings(
            settings.epochs,
            settings.patience,
            MONITOR,
            checkpoint_seconds,
            advice="Lower --pretrain_learning_rate",
        ),
        folder=_checkpoints(run_folder),
        history=History(run_folder),
        progress=progress,
    )
    return loop.run(resume=resume)


def _hold_out(
    history: Ragged, share: float, seed: int
) -> tuple[Ragged, Ragged]:
    """Training and validation rows; rows below two items teach nothing."""
    usable = np.flatnonzero(history.lengths >= 2)
    if len(usable) < 2:
        raise InputError(
            f"pre-training needs at least two users with two source items or "
            f"more, found {len(usable)}; bring more source data, or use "
            "--policy=zero, which is not pre-trained"
        )
    rng = np.random.Generator(np.random.Philox(seed))
    shuffled = rng.permutation(usable)
    held = min(max(1, round(share * len(usable))), len(usable) - 1)
    return (
        history.take(np.sort(shuffled[held:])),
        history.take(np.sort(shuffled[:held])),
    )


def _split_last(rows: Ragged) -> tuple[Ragged, Ragged]:
    """Rows without their last value, and the last values as rows of one."""
    ends = rows.offsets[1:] - 1
    is_last = np.zeros(len(rows.values), bool)
    is_last[ends] = True
    return rows.select(~is_last), rows.select(is_last)


def _identity(
    fingerprint: str, backbone: Spec, settings: PretrainSettings
) -> dict:
    """All that the weights depend on."""
    return {
        "format": _FORMAT,
        "data": fingerprint,
        "backbone": backbone.name,
        "options": {k: repr(v) for k, v in backbone.resolved().items()},
        "settings": dataclasses.asdict(settings),
    }


def _digest(identity: dict) -> str:
    text = json.dumps(identity, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
