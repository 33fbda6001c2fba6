"""Fine-tuning for the target domain under a policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from tfxdr.data.batches import FinetuneBatches
from tfxdr.evaluation import Ranker, ranking_metrics
from tfxdr.models.transfer import Loss, TransferModel
from tfxdr.policies import Policy
from tfxdr.registry import Spec
from tfxdr.training.history import History
from tfxdr.training.loop import Loop, LoopSettings
from tfxdr.training.optimizers import OptimizerSettings, ParameterGroups
from tfxdr.training.pretraining import Pretrained
from tfxdr.training.progress import Progress


class FinetuneTask:
    """Ranking held-out target items.

    Args:
      model: what is trained.
      batches: training instances.
      ranker: of the validation split.
      top_n: cutoffs of the metrics.
    """

    name = "finetune"

    def __init__(
        self,
        model: TransferModel,
        batches: FinetuneBatches,
        ranker: Ranker,
        *,
        top_n: tuple[int, ...],
    ) -> None:
        self.model = model
        self.batches = batches
        self._ranker = ranker
        self._top_n = top_n
        self._scores = scorer(model)

    def validate(self) -> dict[str, float]:
        """Metrics at every cutoff."""
        ranking = self._ranker.rank(self._scores)
        return ranking_metrics(
            ranking.rank, self._top_n, self._ranker.num_negatives
        )


def scorer(model: keras.Model) -> tf.types.experimental.GenericFunction:
    """The model's logits as one graph for histories of every size."""
    return tf.function(
        model.call, input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )


def build_model(
    backbone: Spec,
    policy: Policy,
    loss: Loss,
    *,
    num_source_items: int,
    num_target_items: int,
    pooling: str,
    train_embeddings: str,
    pretrained: Pretrained | None,
    seed: int,
) -> TransferModel:
    """Assembles a model with all its weights.

    Args:
      backbone: what reads histories.
      policy: what is frozen.
      loss: of an instance.
      num_source_items: size of the source table.
      num_target_items: size of the target table.
      pooling: `last` or `mean`.
      train_embeddings: `true`, `false`, or `auto` for the policy's own.
      pretrained: where the backbone's weights are; none keeps random ones.
      seed: of random weights.

    Raises:
      InputError: if the policy does not fit the backbone.
    """
    keras.utils.set_random_seed(seed)
    tower = backbone.build(num_items=num_source_items)
    tower(tf.zeros([1, 1], tf.int32))
    if pretrained is not None:
        pretrained.restore(tower)
    chosen = {"true": True, "false": False, "auto": policy.train_embeddings}
    model = TransferModel(
        tower,
        num_target_items,
        loss=loss,
        actions=policy.static_actions(len(tower.blocks)),
        train_embeddings=chosen[train_embeddings],
        pooling=pooling,
    )
    model(tf.zeros([1, 1], tf.int32))
    return model


def finetune(
    model: TransferModel,
    batches: FinetuneBatches,
    ranker: Ranker,
    *,
    top_n: tuple[int, ...],
    optimizer: OptimizerSettings,
    settings: LoopSettings,
    pretrained: bool,
    run_folder: Path,
    resume: bool,
    progress: Progress,
) -> Mapping[str, float]:
    """Trains the model and leaves it with its best weights.

    Args:
      model: as `build_model` made it.
      batches: training instances.
      ranker: of the validation split.
      top_n: cutoffs of the metrics.
      optimizer: how parameters move.
      settings: when to stop.
      pretrained: whether the backbone's weights were pre-trained.
      run_folder: holds checkpoints and history.
      resume: go on from the run's checkpoint.
      progress: what the person sees.

    Returns:
      Metrics of the best epoch, `best_epoch`, `epochs` and `seconds`.

    Raises:
      TrainingError: if the loss is not finite.
    """
    backbone = model.backbone.trainable_variables if pretrained else []
    old = {id(variable) for variable in backbone}
    parameters = ParameterGroups(
        optimizer,
        pretrained=backbone,
        new=[v for v in model.trainable_variables if id(v) not in old],
        total_steps=settings.epochs * batches.steps,
    )
    task = FinetuneTask(model, batches, ranker, top_n=top_n)
    loop = Loop(
        task,
        parameters,
        settings,
        folder=run_folder / "checkpoints" / task.name,
        history=History(run_folder),
        progress=progress,
    )
    return loop.run(resume=resume)
