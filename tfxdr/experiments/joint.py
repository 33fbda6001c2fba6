"""Joint training of both domains under meta-learners, and evaluation."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfxdr.backbones import is_joint
from tfxdr.data.joint.batches import JointBatches
from tfxdr.data.joint.examples import JointData
from tfxdr.data.users import Users, user_rows
from tfxdr.errors import InputError
from tfxdr.evaluation.behaviors import BehaviorWeights
from tfxdr.evaluation.groups import Groups, kinds_of
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.joint_baselines import LabelBaselines
from tfxdr.experiments.joint_contender import JointContender
from tfxdr.experiments.joint_judge import (
    JointJudge,
    JointScores,
    positives_of,
)
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import NextTarget
from tfxdr.layers.pair_bias import PairBias
from tfxdr.meta_learners import MetaLearner
from tfxdr.meta_learners.base import HeldWeights
from tfxdr.models.joint import JointModel
from tfxdr.ops.ragged import Ragged
from tfxdr.options import Options
from tfxdr.options.groups import Pretrain
from tfxdr.options.settings import settings_of
from tfxdr.registry import Spec, backbones, meta_learners
from tfxdr.registry.metric_names import BINARY_METRICS
from tfxdr.report.table import Row
from tfxdr.training import distribution
from tfxdr.training.cost import enough_memory
from tfxdr.training.joint import (
    JointStage,
    RetrainStage,
    build_joint,
)
from tfxdr.types import FIRST_ITEM, TRAINING

# Settings that joint training has no use for, by group.
_TRANSFER_ALONE = {
    "compute": ("in_memory",),
    "model": (
        "policy",
        "policy_network",
        "policy_pooling",
        "policy_standardize",
        "policy_start",
        "policy_decay",
        "policy_embedding",
        "policy_retrain",
        "tuner",
        "pooling",
        "train_embeddings",
        "head_start",
    ),
    "finetune": (
        "loss",
        "num_negatives",
        "targets_per_user",
        "pretrained_learning_rate",
        "policy_learning_rate",
        "warm_start",
        "warm_start_vanished",
    ),
    "task": ("task", "attribute"),
    "pretrain": tuple(settings_of(Pretrain)),
}


class JointExperiment(Experiment):
    """A joint backbone, for any number of meta-learners."""

    kind = meta_learners
    unused_settings = _TRANSFER_ALONE
    reads_histories = False
    maps_data = False
    decides_on = "source items"
    title = "examples and ranking of the test split"

    @property
    def _attributes(self) -> Mapping[str, np.ndarray]:
        found = self.data.source_categories
        return {} if found is None else {"category": found}

    def _split_at(
        self, values: np.ndarray, value: str, flag: str
    ) -> Groups | None:
        """What the value names should count nothing."""
        return Groups.split_at(
            kinds_of(values, value), value, flag, wanted=False
        )

    @property
    def histories(self) -> Ragged:
        return user_rows(len(self.data.users()))

    @functools.cached_property
    def examples(self) -> JointData:
        """Labelled examples of both domains."""
        chosen = self.options.joint
        return JointData.of(
            self.data,
            self.all_users,
            history_length=chosen.joint_history,
            meta_fraction=chosen.meta_fraction,
            seed=self.options.data.split_seed,
            positive_above=chosen.positive_above,
            liked_alone=chosen.joint_history_liked,
            negatives=chosen.joint_negatives,
        )

    @functools.cached_property
    def all_users(self) -> Users:
        """As prepared, with the share of training items that is used.

        Where negatives are sampled beside events, those of users who have met
        every item of a domain are left out: no negative is left beside them.
        """
        users = self.data.users().keep_train_fraction(
            self.options.data.train_fraction, self.options.data.split_seed
        )
        domains = {
            "source": (
                users.history,
                users.history_rating,
                self.data.num_source_items,
            ),
            "target": (
                users.target,
                users.target_rating,
                self.data.num_target_items,
            ),
        }
        full = {
            name: self._full_users(name, *domain)
            for name, domain in domains.items()
        }
        if not any(map(np.any, full.values())):
            return users
        return users.without_events(full["source"], full["target"])

    def _full_users(
        self, name: str, items: Ragged, rating: np.ndarray | None, size: int
    ) -> np.ndarray:
        """`[users]` bool, who has met every item that needs a negative."""
        full = np.zeros(len(items), bool)
        chosen = self.options.joint
        unrated = rating is None or chosen.positive_above is None
        if unrated or (chosen.joint_negatives and name == "target"):
            met = np.unique(items.row_of_value * size + items.values) // size
            full = np.bincount(met, minlength=len(items)) >= size - FIRST_ITEM
        if full.all() or not full.any():
            return np.zeros(len(items), bool)
        self.progress.say(
            f"note: {full.sum()} of {len(full)} users have met every {name} "
            "item, which leaves no negative to sample: nothing is learned of "
            "them there"
        )
        return full

    @functools.cached_property
    def task(self) -> NextTarget:
        """Ranking, where an item rated high is a positive."""
        users = positives_of(self.all_users, self.examples)
        return NextTarget(self.options, self.data, users)

    @functools.cached_property
    def judge(self) -> JointJudge:
        """What picks the epoch, and tests."""
        users = dataclasses.replace(self.users, history=self.histories)
        ranking = NextTarget(self.options, self.data, users)
        return JointJudge(self.examples, ranking, self.monitor)

    def baseline_rows(self) -> list[Row]:
        """Popularity, an item's share of positives where examples are judged;
        biases; and item-kNN, which ranks alone."""
        popularity, *others = super().baseline_rows()
        baselines = self._label_baselines
        metrics = {**baselines.shares(), **popularity.metrics}
        return [
            dataclasses.replace(popularity, metrics=metrics),
            *baselines.rows(self.task),
            *others,
        ]

    @functools.cached_property
    def _label_baselines(self) -> LabelBaselines:
        return LabelBaselines(self.examples, self.options.data.split_seed)

    @functools.cached_property
    def _uses_source(self) -> bool:
        """Whether the backbone reads the source domain at all."""
        return self.backbone.build(sizes=self.examples.sizes).uses_source

    def _biases(self, *, with_meta_set: bool = False) -> PairBias | None:
        """What a model starts from, fitted to what it trains on."""
        chosen = self.options.joint.joint_start
        if chosen == "random":
            return None
        return self._label_baselines.start(
            shared=chosen == "shared-biases" and self._uses_source,
            with_meta_set=with_meta_set,
        )

    def _unread_biases(self) -> PairBias | None:
        """In whose place a run's own are read."""
        if self.options.joint.joint_start == "random":
            return None
        sizes = self.examples.sizes
        return PairBias(np.zeros(sizes.users), np.zeros(sizes.target_items))

    @property
    def backbone_phrase(self) -> str:
        known = ", ".join(entry.name for entry in meta_learners.entries())
        sequential = [e.name for e in backbones.entries() if not is_joint(e)]
        return (
            f"the joint model {self.backbone}, whose choice is --meta={known}; "
            f"policies tune the sequential backbones {', '.join(sequential)}"
        )

    @property
    def monitor(self) -> str:
        return self.options.finetune.monitor or BINARY_METRICS[0]

    @property
    def warned_by(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*super().warned_by, self.ranked_by)))

    @property
    def teaches_ranking(self) -> bool:
        return (
            bool(self.examples.negatives) or self.examples.target.label is None
        )

    @property
    def compared_text(self) -> str:
        return self.options.joint.meta

    def options_of(self, spec: Spec) -> Options:
        joint = dataclasses.replace(self.options.joint, meta=str(spec))
        return dataclasses.replace(self.options, joint=joint)

    def check(self, specs: Sequence[Spec]) -> None:
        super().check(specs)
        metas = [self.meta(spec) for spec in specs]
        self._tell_of_unread(metas)
        for spec, meta in zip(specs, metas, strict=True):
            distribution.current().check_component("--meta", meta)
            if meta.interval and not self._uses_source:
                raise InputError(
                    f"--meta={spec} weighs source behaviors, and "
                    f"--backbone={self.backbone} uses none: expected "
                    "--meta=none"
                )
        if self.optimizer_settings().knows_origins:
            raise InputError(
                f"--optimizer={self.optimizer} tells pre-trained weights from "
                f"new ones, and with the joint model {self.backbone} all are "
                "new: expected another one"
            )
        self.check_training()
        self.judge.check(
            ("target", "source") if self._uses_source else ("target",)
        )

    def _tell_of_unread(self, metas: Sequence[MetaLearner]) -> None:
        """Says that examples are held out for nobody."""
        held_out = len(self.examples.meta)
        if held_out and not any(map(_reads_meta_set, metas)):
            self.progress.say(
                f"note: {held_out} training examples are held out for a "
                f"meta-learner, but --meta={self.compared_text} does not read "
                "them: --meta_fraction=0 trains on them, too"
            )

    def meta(self, spec: Spec) -> MetaLearner:
        """A new meta-learner.

        Raises:
          InputError: if it learns from a meta set, and there is none.
        """
        chosen = self.options.joint
        meta = spec.build(
            interval=chosen.bip_interval,
            head_steps=chosen.bip_head_steps,
            weight_decay=chosen.bip_weight_decay,
            source_categories=self.data.source_categories,
        )
        if _reads_meta_set(meta) and not len(self.examples.meta):
            raise InputError(
                f"--meta={spec} learns from a meta set: expected "
                "--meta_fraction above 0, or its option meta_set=training, "
                "found 0"
            )
        return meta

    def stage(self, meta: MetaLearner, *, restored: bool = False) -> JointStage:
        """A new model and what weighs its source behaviors, to be trained.

        Args:
          meta: what weighs them.
          restored: variables are read from a run next, so that nothing is
            fitted to begin with.
        """
        biases = self._unread_biases() if restored else self._biases()
        parts = self._trained_parts(meta, self.examples, biases)
        learns = bool(meta.meta_variables)  # they are made with the model
        searches = learns and self.options.joint.meta_retrain
        return JointStage(*parts, searches=searches)

    def retrain_stage(
        self, searched: JointStage, found: BehaviorWeights, epochs: int
    ) -> RetrainStage:
        """A new model that has from the start what another one has found.

        Nothing need be kept out of its training.

        Args:
          searched: where it was found.
          found: what every behavior weighs.
          epochs: for how many that was trained.
        """
        parts = self._trained_parts(
            HeldWeights(found),
            self.examples.without_meta_set(),
            self._biases(with_meta_set=True),
        )
        return RetrainStage(*parts, searched=searched, epochs=epochs)

    def _trained_parts(
        self, meta: MetaLearner, examples: JointData, biases: PairBias | None
    ) -> tuple[
        JointModel, MetaLearner, JointBatches, Callable[[], dict[str, float]]
    ]:
        """What a stage is made of."""
        with enough_memory("model"):
            model = build_joint(
                self.backbone,
                meta,
                examples.sizes,
                self.options.seed,
                counts=(self.training_counts() if examples.negatives else None),
                biases=biases,
            )
        scores = JointScores(model, examples)
        batches = JointBatches(
            examples,
            batch_size=self.options.finetune.batch_size,
            seed=self.options.seed,
            meta_set=meta.meta_set,
            source_examples=self.options.joint.joint_source_examples,
        )
        return model, meta, batches, lambda: self.judge.validate(scores)

    def contender(self, spec: Spec, folder: RunFolder) -> JointContender:
        return JointContender(self, spec, folder)


def _reads_meta_set(meta: MetaLearner) -> bool:
    """Whether it learns from what is held out of training."""
    return bool(meta.interval) and meta.meta_set != TRAINING
