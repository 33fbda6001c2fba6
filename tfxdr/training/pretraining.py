"""Pre-training on the source domain, done once and shared by all policies."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import shutil
import time
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import Backbone
from tfxdr.data.batches import PretrainBatches
from tfxdr.files import read_json, write_json, written_aside
from tfxdr.models.pretrain import PretrainModel
from tfxdr.ops.ragged import Ragged
from tfxdr.registry import Spec, optimizers
from tfxdr.training import distribution, precision
from tfxdr.training.checkpoint import restore_variables, save_variables
from tfxdr.training.cost import enough_memory
from tfxdr.training.fit import checkpoints, fit
from tfxdr.training.history import History
from tfxdr.training.loop import LoopSettings
from tfxdr.training.parameters import OptimizerSettings
from tfxdr.training.pretrain_split import LEAVE_ONE_OUT, split_source
from tfxdr.training.pretrain_stage import LastItems, PretrainStage
from tfxdr.training.progress import Progress

_FORMAT = 1  # of a cached folder; raised when old ones cannot be read


@dataclasses.dataclass(frozen=True)
class PretrainSettings:
    """How the backbone learns the source domain.

    Attributes:
      epochs: at most; 0 leaves the random weights.
      patience: epochs without a better validation until it stops.
      batch_size: users.
      learning_rate: of the optimizer.
      schedule: how it changes over all `epochs`: `constant`, `linear` or
        `cosine`.
      loss: `auto`, `softmax` or `sampled_softmax`.
      num_sampled: shared negatives of the sampled softmax.
      length: the latest items that a prediction reads; 0: all.
      windows: train on all of a longer history, window by window.
      split: `users` holds whole users out, `leave-one-out` of every user the
        last item (test) and the last but one (validation).
      validation: share of the users that are held out.
      monitor: the validation metric that picks the epoch.
      mask_seen: items of a user's history do not compete in validation and
        test.
      seed: of initial weights, held-out users, order and sampling.
    """

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    schedule: str
    loss: str
    num_sampled: int
    length: int
    windows: bool
    split: str
    validation: float
    monitor: str
    mask_seen: bool
    seed: int


@dataclasses.dataclass(frozen=True)
class Pretrained:
    """A pre-trained backbone on disk.

    Attributes:
      folder: of its variables.
      metrics: of its best epoch's validation, with `epochs` and `seconds`;
        after leave-one-out also those of the test, as `test/hr@10`.
      cached: whether another run has made it. Where a run goes on, what it
        has made itself before counts as its own.
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
        devices = distribution.current()
        if devices.is_chief:
            restore_variables(
                self.folder / "weights",
                tf.train.Checkpoint(backbone=backbone),
                remedy=f"delete {self.folder} to pre-train anew",
            )
        devices.take_over(backbone.variables)


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
    devices = distribution.current()
    if devices.of_chief(folder.is_dir):
        metrics, own = devices.of_chief(
            lambda: _found(folder, run_folder if resume else None)
        )
        progress.say(f"pretrain: found in {folder}")
        return Pretrained(folder, metrics, cached=not own)
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
    if devices.is_chief:
        _keep(model, identity, metrics, folder)
        _drop_checkpoints(run_folder)
    return Pretrained(folder, metrics, cached=False)


def _found(folder: Path, run_folder: Path | None) -> tuple[dict, bool]:
    """What is told of weights that are there, and whether a run made them.

    Args:
      folder: of the weights.
      run_folder: of a run that goes on; it may have been killed when it had
        just kept them.
    """
    metrics = read_json(folder / "pretraining.json")["metrics"]
    if run_folder is None:
        return metrics, False
    _drop_checkpoints(run_folder)
    rows = History(run_folder).rows
    epochs = sum(row["stage"] == PretrainStage.name for row in rows)
    return metrics, epochs == metrics["epochs"]


def _drop_checkpoints(run_folder: Path) -> None:
    done = checkpoints(run_folder, PretrainStage.name)
    shutil.rmtree(done, ignore_errors=True)


def _keep(
    model: PretrainModel, identity: dict, metrics: dict, folder: Path
) -> None:
    with written_aside(folder) as partial:
        save_variables(
            partial / "weights",
            tf.train.Checkpoint(backbone=model.backbone, head=model.head),
        )
        write_json(
            partial / "pretraining.json",
            {"identity": identity, "metrics": metrics},
        )


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
    split = split_source(
        history, settings.split, settings.validation, settings.seed
    )
    batches = PretrainBatches(
        _cut(split.training, settings),
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    last_items = functools.partial(
        LastItems,
        model,
        batch_size=settings.batch_size,
        length=settings.length,
        mask_seen=settings.mask_seen,
    )
    metrics = fit(
        PretrainStage(
            model,
            batches,
            last_items(split.validation),
            every_position=settings.split != LEAVE_ONE_OUT,
        ),
        optimizer=OptimizerSettings(
            optimizers.parse(distribution.current().pretrains_by),
            settings.learning_rate,
            schedule=settings.schedule,
        ),
        settings=LoopSettings(
            settings.epochs,
            settings.patience,
            settings.monitor,
            checkpoint_seconds,
            advice="Lower --pretrain_learning_rate",
        ),
        run_folder=run_folder,
        resume=resume,
        progress=progress,
    )
    if split.test is None:
        return metrics
    with enough_memory("pretrain"), distribution.current().dividing():
        return metrics | _test(last_items(split.test))


def _cut(rows: Ragged, settings: PretrainSettings) -> Ragged:
    """A row has one item more than a prediction reads: the answer."""
    if not settings.length:
        return rows
    length = settings.length + 1
    return rows.windows(length) if settings.windows else rows.last(length)


def _test(last_items: LastItems) -> dict[str, float]:
    """Ranking metrics as `test/hr@10`, and `test/seconds`."""
    start = time.monotonic()
    metrics = last_items.judge()[1] | {"seconds": time.monotonic() - start}
    return {f"test/{key}": value for key, value in metrics.items()}


def _identity(
    fingerprint: str, backbone: Spec, settings: PretrainSettings
) -> dict:
    """All that the weights depend on; the code of plugins is part of it."""
    precise = precision.current() == precision.NONE
    optimizer = distribution.current().pretrains_by
    return {
        **({"optimizer": optimizer} if optimizer != "adam" else {}),
        **({"code": backbone.code} if backbone.code else {}),
        **({} if precise else {"precision": precision.current()}),
        "format": _FORMAT,
        "data": fingerprint,
        "backbone": backbone.name,
        "options": {k: repr(v) for k, v in backbone.resolved().items()},
        "settings": dataclasses.asdict(settings),
    }


def _digest(identity: dict) -> str:
    text = json.dumps(identity, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
