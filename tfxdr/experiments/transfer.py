"""Pre-training, fine-tuning under policies, and evaluation."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfxdr.backbones import Backbone
from tfxdr.data.batches import FinetuneBatches
from tfxdr.data.splits import TEST, TRAIN
from tfxdr.errors import InputError
from tfxdr.evaluation import BINARY
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import TASKS, Task
from tfxdr.models.pretrain import PretrainModel
from tfxdr.models.transfer import Loss, TransferModel
from tfxdr.options import Options
from tfxdr.options.groups import Joint
from tfxdr.options.settings import settings_of
from tfxdr.policies import Baseline, Policy
from tfxdr.registry import Spec, losses, policies, policy_networks, tuners
from tfxdr.report.figures import learning_curves, save_figure
from tfxdr.report.history import read_history
from tfxdr.report.run import show_actions
from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.recommender import Recommender, counted
from tfxdr.serving.transfer import TransferServable
from tfxdr.training.assembly import Parts, build_model
from tfxdr.training.checkpoint import restore_variables, save_variables
from tfxdr.training.cost import Stopwatch, enough_memory
from tfxdr.training.finetuning import decider, finetune, scorer
from tfxdr.training.pretraining import (
    Pretrained,
    PretrainSettings,
    pretrain,
)
from tfxdr.training.progress import Progress
from tfxdr.types import FIRST_ITEM

# Settings that fine-tuning has no use for, by group.
_EXAMPLES = 16  # test users on whom an export is compared with its model
_JOINT_ALONE = {"joint": tuple(settings_of(Joint))}


class TransferExperiment(Experiment):
    """A sequential backbone, for any number of policies.

    Args:
      options: as the user gave them.
      progress: what the person sees.
    """

    kind = policies
    unused_settings = _JOINT_ALONE

    def __init__(self, options: Options, progress: Progress) -> None:
        super().__init__(options, progress)
        self.tuner = tuners.parse(options.model.tuner)
        self.policy_network = policy_networks.parse(
            options.model.policy_network
        )

    @functools.cached_property
    def task(self) -> Task:
        """What the target domain asks."""
        return TASKS[self.options.task.task](self.options, self.data)

    def check(self, specs: Sequence[Spec]) -> None:
        """Finds what would stop a policy, before anything is trained.

        Raises:
          InputError: names the flag.
        """
        super().check(specs)
        if self.monitor in BINARY:
            raise InputError(
                f"--monitor={self.monitor} is a metric of joint models: with "
                f"{self.backbone_phrase} expected one such as mrr@5"
            )
        self.task.check()
        components = [self._component(spec) for spec in specs]
        trained = [c for c in components if isinstance(c, Policy)]
        if trained:
            backbone = self._backbone()
            for policy in trained:
                self._check_policy(policy, backbone)
            self._loss()
            self.tuner.build()
            self.check_training()

    def _check_policy(self, policy: Policy, backbone: Backbone) -> None:
        if policy.static_actions(len(backbone.blocks)) is None:
            if policy.has_network:
                self.policy_network.build(
                    num_items=self.data.num_source_items,
                    channels=backbone.width,
                )
        elif not policy.pretrained and self.tuner.name != "copy":
            self.progress.say(
                f"note: --tuner={self.tuner} leaves all but its own layers at "
                "the random weights that a policy without pre-training has"
            )
        self.batches(policy)

    def _component(self, spec: Spec) -> Policy | Baseline:
        return spec.build(run_seed=self.options.run.seed)

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
                seed=self.options.run.seed,
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
                policy_pooling=chosen.policy_pooling,
                train_embeddings=chosen.train_embeddings,
                top_k=self.task.top_k,
                pretrained=pretrained,
                seed=self.options.run.seed,
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
            self.users.targets(TRAIN),
            num_items=self.task.num_items,
            batch_size=chosen.batch_size,
            targets_per_user=chosen.targets_per_user,
            num_negatives=chosen.num_negatives,
            num_candidates=policy.num_candidates,
            seed=self.options.run.seed,
        )

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

    def finetune(
        self, model: TransferModel, pretrained: bool, folder: Path
    ) -> Mapping[str, float]:
        """Fine-tunes a model; it is left with its best weights."""
        return finetune(
            model,
            self.batches(model.policy),
            self.task,
            optimizer=self.optimizer_settings(),
            settings=self.loop_settings(),
            callbacks=self.callbacks(),
            pretrained=pretrained,
            run_folder=folder,
            resume=self.options.run.resume,
            progress=self.progress,
        )

    def stages(self, spec: Spec, folder: RunFolder) -> dict:
        """One policy from pre-training to test."""
        component = self._component(spec)
        if isinstance(component, Baseline):
            return self._run_baseline(component, folder.path)
        return self._run_policy(component, str(spec), folder)

    def _run_baseline(self, baseline: Baseline, folder: Path) -> dict:
        with Stopwatch() as watch:
            metrics = self.task.test(self.fit_baseline(baseline), folder)
        return {"test": metrics, "cost": {"finetune": watch.cost}}

    def _run_policy(
        self, policy: Policy, label: str, folder: RunFolder
    ) -> dict:
        cost: dict[str, dict[str, float]] = {}
        stages: dict[str, Mapping] = {}
        pretrained = None
        if policy.pretrained:
            with Stopwatch() as watch:
                pretrained = self.pretrain(
                    folder.path, resume=self.options.run.resume
                )
            cost["pretrain"] = watch.cost
            stages["pretrain"] = pretrained.metrics | {
                "cached": pretrained.cached
            }
        model = self.model(policy, pretrained)
        with Stopwatch() as watch:
            stages["validation"] = self.finetune(
                model, pretrained is not None, folder.path
            )
        cost["finetune"] = watch.cost
        # A run that was killed in its test may have left some already.
        shutil.rmtree(folder.weights, ignore_errors=True)
        save_variables(folder.weights, tf.train.Checkpoint(model=model))
        self._draw_curves(folder.path)
        with Stopwatch() as watch:
            stages["test"] = self.task.test(scorer(model), folder.path)
            if model.is_routed:
                stages["actions"] = self._show_actions(
                    model, label, folder.path
                )
        cost["evaluate"] = watch.cost
        return stages | {"cost": cost}

    def _show_actions(
        self, model: TransferModel, label: str, folder: Path
    ) -> dict[str, object]:
        actions = self.task.actions(decider(model))
        names = [raw.decode() for raw in self.users.ids[actions.users]]
        return show_actions(actions, names, folder, label, self.progress.say)

    def _draw_curves(self, folder: Path) -> None:
        monitors = {
            "pretrain": self.options.pretrain.pretrain_monitor,
            "finetune": self.options.monitor,
        }
        history = read_history(folder / "history.csv")
        figure = learning_curves(history, monitors=monitors)
        save_figure(figure, folder / "learning_curves.png")

    def evaluate(self, spec: Spec, folder: RunFolder) -> Mapping[str, float]:
        self.check_data(folder)
        component = self._component(spec)
        if isinstance(component, Baseline):
            return self.task.test(self.fit_baseline(component), None)
        model = self._trained(component, folder)
        return self.task.test(scorer(model), None)

    def _trained(self, policy: Policy, folder: RunFolder) -> TransferModel:
        model = self.model(policy, None)
        restore_variables(
            folder.weights,
            tf.train.Checkpoint(model=model),
            remedy="train it again with --overwrite",
        )
        return model

    def servable(
        self, spec: Spec, folder: RunFolder, retrieval: Retrieval
    ) -> TransferServable:
        self.check_data(folder)
        component = self._component(spec)
        if isinstance(component, Baseline):
            raise InputError(
                f"--policy={spec} counts and trains no model: expected a run "
                "of another policy"
            )
        rows = np.flatnonzero(self.users.targets(TEST).lengths)[:_EXAMPLES]
        ids = self.data.source_ids
        return TransferServable(
            self._trained(component, folder),
            source_ids=ids.tolist(),
            target_ids=self.task.target_ids,
            counts=self.training_counts(),
            max_history=self.data.manifest["options"]["max_history"],
            examples=[
                ids[self.users.history[row] - FIRST_ITEM].tolist()
                for row in rows
            ],
            retrieval=retrieval,
        )

    def recommender(
        self, spec: Spec, folder: RunFolder, k_max: int
    ) -> Recommender:
        component = self._component(spec)
        if not isinstance(component, Baseline):
            return super().recommender(spec, folder, k_max)
        self.check_data(folder)
        return counted(
            self.fit_baseline(component),
            source_ids=self.data.source_ids.tolist(),
            target_ids=self.task.target_ids,
            max_history=self.data.manifest["options"]["max_history"],
            k_max=k_max,
            titles=self.titles or {},
        )
