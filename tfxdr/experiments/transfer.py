"""Pre-training, fine-tuning under policies, and evaluation."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfxdr.backbones import Backbone
from tfxdr.data.batches import FinetuneBatches
from tfxdr.data.grown import GrownData, vanished
from tfxdr.data.prepared import PreparedData
from tfxdr.data.splits import TRAIN, VALIDATION
from tfxdr.data.users import user_rows
from tfxdr.errors import InputError
from tfxdr.evaluation.groups import Groups
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.contender import Contender, CountedContender
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import TASKS, Task
from tfxdr.experiments.transfer_contender import TransferContender
from tfxdr.experiments.warm_start_source import source_of
from tfxdr.models.frozen_prefix import remembered
from tfxdr.models.pretrain import PretrainModel
from tfxdr.models.transfer import Loss, TransferModel
from tfxdr.ops.ragged import Ragged
from tfxdr.options import Options
from tfxdr.options.groups import Joint
from tfxdr.options.settings import settings_of
from tfxdr.policies import Baseline, Policy
from tfxdr.registry import Spec, losses, policies, policy_networks, tuners
from tfxdr.registry.metric_names import BINARY_METRICS
from tfxdr.training import distribution
from tfxdr.training.assembly import Parts, build_model
from tfxdr.training.cost import enough_memory
from tfxdr.training.finetuning import FinetuneStage, Shortcut
from tfxdr.training.pretraining import (
    Pretrained,
    PretrainSettings,
    pretrain,
)
from tfxdr.training.progress import Progress
from tfxdr.types import FIRST_ITEM

# Settings that fine-tuning has no use for, by group.
_JOINT_ALONE = {"joint": tuple(settings_of(Joint))}


class TransferExperiment(Experiment):
    """A sequential backbone, for any number of policies.

    Args:
      options: as the user gave them.
      progress: what the person sees.
      data: prepared already; by default what the options name.
      known: the options are those of a run that is there.
    """

    kind = policies
    unused_settings = _JOINT_ALONE

    def __init__(
        self,
        options: Options,
        progress: Progress,
        data: PreparedData | None = None,
        *,
        known: bool = False,
    ) -> None:
        super().__init__(options, progress, data, known=known)
        self.tuner = tuners.parse(options.model.tuner)
        self.policy_network = policy_networks.parse(
            options.model.policy_network
        )

    def _grown(self, data: PreparedData) -> PreparedData:
        chosen = self.options.finetune
        keeps = chosen.warm_start and chosen.warm_start_vanished == "keep"
        if not keeps or isinstance(data, GrownData):
            return data
        earlier = source_of(chosen.warm_start, self.progress).experiment
        return GrownData(data, vanished(data, earlier.data))

    @functools.cached_property
    def task(self) -> Task:
        """What the target domain asks."""
        return TASKS[self.options.task.task](self.options, self.data)

    @property
    def _attributes(self) -> Mapping[str, np.ndarray]:
        return self.data.users().attributes

    def _split_at(
        self, values: np.ndarray, value: str, flag: str
    ) -> Groups | None:
        """Who has the value should be tuned."""
        return Groups.split_at(values, value, flag)

    def check(self, specs: Sequence[Spec]) -> None:
        """Finds what would stop a policy, before anything is trained.

        Raises:
          InputError: names the flag.
        """
        super().check(specs)
        if self.monitor in BINARY_METRICS:
            raise InputError(
                f"--monitor={self.monitor} is a metric of joint models: with "
                f"{self.backbone_phrase} expected one such as mrr@5"
            )
        self.task.check()
        components = [self.component(spec) for spec in specs]
        trained = [c for c in components if isinstance(c, Policy)]
        if trained:
            backbone = self._backbone()
            for policy in trained:
                self._check_policy(policy, backbone)
            distribution.current().check_component("--loss", self._loss())
            self.tuner.build()
            self.check_training()

    def _check_policy(self, policy: Policy, backbone: Backbone) -> None:
        if policy.static_actions(len(backbone.blocks)) is None:
            if policy.has_network:
                self._tell_of_unread(backbone.width)
        elif not policy.pretrained and self.tuner.name != "copy":
            self.progress.say(
                f"note: --tuner={self.tuner} leaves all but its own layers at "
                "the random weights that a policy without pre-training has"
            )
        self.batches(policy)

    def _tell_of_unread(self, channels: int) -> None:
        """Says that a policy cannot decide by the oldest items."""
        encoder = self.policy_network.build(
            num_items=self.data.num_source_items, channels=channels
        )
        longest = int(self.users.history.lengths.max(initial=0))
        pooling = self.options.model.policy_pooling
        reach = encoder.reach if pooling == "last" else None
        if reach is not None and reach < longest:
            self.progress.say(
                f"note: --policy_network={self.policy_network} reads the "
                f"latest {reach} of up to {longest} source items, and "
                "decides by these alone: more dilations, attention, gru or "
                "--policy_pooling=mean read more"
            )

    def component(self, spec: Spec) -> Policy | Baseline:
        """A policy or baseline, with what the program gives to some."""
        return spec.build(run_seed=self.options.seed, users=self.data.users())

    def _backbone(self) -> Backbone:
        return self.backbone.build(num_items=self.data.num_source_items)

    def pretrain(self, folder: Path, *, resume: bool) -> Pretrained:
        """Pre-trains the backbone, or finds it in the cache."""
        chosen = self.options.pretrain
        return pretrain(
            self.data.users().history,
            fingerprint=self.data.source_fingerprint,
            num_items=self.data.num_source_items,
            backbone=self.backbone,
            settings=PretrainSettings(
                epochs=chosen.pretrain_epochs,
                patience=chosen.pretrain_patience,
                batch_size=chosen.pretrain_batch_size,
                learning_rate=chosen.pretrain_learning_rate,
                schedule=chosen.pretrain_lr_schedule,
                loss=chosen.pretrain_loss,
                num_sampled=chosen.pretrain_num_sampled,
                length=chosen.pretrain_length,
                windows=chosen.pretrain_windows,
                split=chosen.pretrain_split,
                validation=chosen.pretrain_validation,
                monitor=chosen.pretrain_monitor,
                mask_seen=chosen.pretrain_mask_seen,
                seed=self.options.seed,
            ),
            cache_dir=Path(self.options.run.cache_dir),
            run_folder=folder,
            resume=resume,
            checkpoint_seconds=self.options.run.checkpoint_seconds,
            progress=self.progress,
        )

    def model(
        self, policy: Policy, pretrained: Pretrained | None
    ) -> TransferModel:
        """A transfer model with its first weights."""
        chosen = self.options.model
        parts = Parts(
            self.backbone,
            policy,
            self.policy_network,
            self.tuner.build(),
            self._loss(),
            functools.partial(
                PretrainModel,
                loss=self.options.pretrain.pretrain_loss,
                num_sampled=self.options.pretrain.pretrain_num_sampled,
            ),
        )
        with enough_memory("model"):
            return build_model(
                parts,
                num_source_items=self.data.num_source_items,
                num_target_items=self.task.num_items,
                pooling=chosen.pooling,
                train_embeddings=chosen.train_embeddings,
                top_k=self.task.top_k,
                pretrained=pretrained,
                counts=(
                    self.training_counts()
                    if chosen.head_start == "popularity"
                    else None
                ),
                seed=self.options.seed,
                network_options=chosen.network_options(
                    policy.train_network_embedding
                ),
            )

    def _loss(self) -> Loss:
        chosen = self.options.finetune.loss
        name = self.task.loss if chosen == "auto" else chosen
        return losses.build(name, item_probability=self._item_probability())

    def batches(self, policy: Policy) -> FinetuneBatches:
        """Training instances of the target domain."""
        chosen = self.options.finetune
        return FinetuneBatches(
            self.users.history,
            self._positives,
            num_items=self.task.num_items,
            batch_size=chosen.batch_size,
            targets_per_user=chosen.targets_per_user,
            num_negatives=chosen.num_negatives,
            num_candidates=policy.num_candidates,
            seed=self.options.seed,
        )

    @functools.cached_property
    def _positives(self) -> Ragged:
        """Training positives of the users who left an item for a negative."""
        positives = self.users.targets(TRAIN)
        full = positives.lengths >= self.task.num_items - FIRST_ITEM
        count = int(full.sum())
        if not count or full.all():
            return positives
        self.progress.say(
            f"note: {count} of {len(full)} users have every target item in "
            "training, which leaves no negative to sample: nothing is learned "
            "from them"
        )
        return positives.select(~full[positives.row_of_value])

    def _item_probability(self) -> np.ndarray:
        """Each item's share of the training instances, `[items]`."""
        counts = self.training_counts()
        return (counts / max(counts.sum(), 1)).astype(np.float32)

    @property
    def backbone_phrase(self) -> str:
        return (
            f"the sequential backbone {self.backbone}, whose choice is --policy"
        )

    @property
    def monitor(self) -> str:
        return self.options.monitor

    @property
    def compared_text(self) -> str:
        return self.options.model.policy

    def options_of(self, spec: Spec) -> Options:
        model = dataclasses.replace(self.options.model, policy=str(spec))
        return dataclasses.replace(self.options, model=model)

    def stage(
        self, policy: Policy, pretrained: Pretrained | None
    ) -> FinetuneStage:
        """A new model with its training input and its judge."""
        model, batches = self.model(policy, pretrained), self.batches(policy)
        return FinetuneStage(
            model,
            batches,
            self.task,
            pretrained=pretrained is not None,
            shortcut=functools.partial(self._shortcut, model, batches),
        )

    def _shortcut(
        self, model: TransferModel, batches: FinetuneBatches
    ) -> Shortcut | None:
        """What is frozen for all users is computed once for each of them."""
        if not distribution.current().remembers:
            return None
        asked = self.users.targets((TRAIN, VALIDATION)).lengths
        fast = remembered(
            model,
            self.users.history,
            np.flatnonzero(asked),
            self.task.batch_size,
        )
        if fast is None:
            return None
        rows = user_rows(len(self.users))
        return Shortcut(fast, batches.reading(rows), self.task.reading(rows))

    def contender(self, spec: Spec, folder: RunFolder) -> Contender:
        component = self.component(spec)
        if isinstance(component, Baseline):
            return CountedContender(self, spec, folder, component)
        return TransferContender(self, spec, folder, component)
