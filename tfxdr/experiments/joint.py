"""Joint training of both domains under meta-learners, and evaluation."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfxdr.data.joint.batches import JointBatches, source_of_users
from tfxdr.data.joint.examples import JointData
from tfxdr.data.splits import TEST
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.evaluation import BINARY, BehaviorWeights
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.joint_judge import (
    JointJudge,
    JointScores,
    as_histories,
    positives_of,
)
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import NextTarget
from tfxdr.meta_learners import MetaLearner
from tfxdr.models.joint import JointModel
from tfxdr.ops.ragged import Ragged
from tfxdr.options import Options
from tfxdr.registry import Spec, backbones, meta_learners
from tfxdr.report.behaviors import Behavior
from tfxdr.report.figures import learning_curves, save_figure
from tfxdr.report.history import read_history
from tfxdr.report.run import show_behaviors
from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.joint import JointServable
from tfxdr.training.checkpoint import restore_variables, save_variables
from tfxdr.training.cost import Stopwatch, enough_memory
from tfxdr.training.joint import (
    JointStage,
    build_joint,
    fit_joint,
    weigh_behaviors,
)
from tfxdr.types import FIRST_ITEM

_EXAMPLES = 16  # test users on whom an export is compared with its model

# Settings that joint training has no use for, by group.
_TRANSFER_ALONE = {
    "model": (
        "policy",
        "policy_network",
        "policy_pooling",
        "tuner",
        "pooling",
        "train_embeddings",
    ),
    "finetune": (
        "loss",
        "num_negatives",
        "targets_per_user",
        "pretrained_learning_rate",
        "policy_learning_rate",
    ),
    "task": ("task", "attribute"),
}


def is_joint(backbone: Spec) -> bool:
    """Whether a backbone is that of a joint model."""
    return backbones.entry(backbone.name).takes("sizes")


class JointExperiment(Experiment):
    """A joint backbone, for any number of meta-learners."""

    kind = meta_learners
    unused_settings = _TRANSFER_ALONE
    reads_histories = False
    title = "examples and ranking of the test split"

    @property
    def histories(self) -> Ragged:
        return as_histories(len(self.data.users()))

    @functools.cached_property
    def examples(self) -> JointData:
        """Labelled examples of both domains."""
        chosen = self.options.joint
        return JointData.of(
            self.data,
            self._all_users,
            history_length=chosen.joint_history,
            meta_fraction=chosen.meta_fraction,
            seed=self.options.run.seed,
            positive_above=chosen.positive_above,
        )

    @functools.cached_property
    def _all_users(self) -> Users:
        return self.data.users().keep_train_fraction(
            self.options.data.train_fraction, self.options.run.seed
        )

    @functools.cached_property
    def task(self) -> NextTarget:
        """Ranking, where an item rated high is a positive."""
        users = positives_of(self._all_users, self.examples)
        return NextTarget(self.options, self.data, users)

    @functools.cached_property
    def judge(self) -> JointJudge:
        """What picks the epoch, and tests."""
        users = dataclasses.replace(self.users, history=self.histories)
        ranking = NextTarget(self.options, self.data, users)
        return JointJudge(self.examples, ranking, self.monitor)

    @property
    def backbone_phrase(self) -> str:
        known = ", ".join(entry.name for entry in meta_learners.entries())
        return (
            f"the joint model {self.backbone}, whose choice is --meta={known}; "
            "policies tune the sequential backbones "
            + ", ".join(sequential_backbones())
        )

    @property
    def monitor(self) -> str:
        return self.options.finetune.monitor or BINARY[0]

    @property
    def compared_text(self) -> str:
        return self.options.joint.meta

    def options_of(self, spec: Spec) -> Options:
        joint = dataclasses.replace(self.options.joint, meta=str(spec))
        return dataclasses.replace(self.options, joint=joint)

    def check(self, specs: Sequence[Spec]) -> None:
        super().check(specs)
        backbone = self.backbone.build(sizes=self.examples.sizes)
        for spec in specs:
            if self._meta(spec).interval and not backbone.uses_source:
                raise InputError(
                    f"--meta={spec} weighs source behaviors, and "
                    f"--backbone={self.backbone} uses none: expected "
                    "--meta=none"
                )
        if self.optimizer_settings().knows_rates:
            raise InputError(
                f"--optimizer={self.optimizer} tells pre-trained weights from "
                f"new ones, and with the joint model {self.backbone} all are "
                "new: expected another one"
            )
        self.check_training()
        self.judge.check(
            ("target", "source") if backbone.uses_source else ("target",)
        )

    def _meta(self, spec: Spec) -> MetaLearner:
        chosen = self.options.joint
        meta = spec.build(
            interval=chosen.bip_interval,
            head_steps=chosen.bip_head_steps,
            weight_decay=chosen.bip_weight_decay,
        )
        if meta.interval and not len(self.examples.meta):
            raise InputError(
                f"--meta={spec} learns from a meta set: expected "
                "--meta_fraction above 0, found 0"
            )
        return meta

    def stages(self, spec: Spec, folder: RunFolder) -> dict:
        """One meta-learner from first weights to its test."""
        meta = self._meta(spec)
        model = self._model(meta)
        cost: dict[str, dict[str, float]] = {}
        stages: dict[str, dict] = {}
        scores = JointScores(model, self.examples)
        batches = JointBatches(
            self.examples,
            batch_size=self.options.finetune.batch_size,
            seed=self.options.run.seed,
        )
        with Stopwatch() as watch:
            stages["validation"] = fit_joint(
                JointStage(
                    model,
                    meta,
                    batches,
                    lambda: self.judge.validate(scores),
                ),
                optimizer=self.optimizer_settings(),
                settings=self.loop_settings(),
                callbacks=self.callbacks(),
                run_folder=folder.path,
                resume=self.options.run.resume,
                progress=self.progress,
            )
        cost["train"] = watch.cost
        # A run that was killed in its test may have left some already.
        shutil.rmtree(folder.weights, ignore_errors=True)
        save_variables(
            folder.weights, tf.train.Checkpoint(model=model, meta=meta)
        )
        self._draw_curves(folder.path)
        with Stopwatch() as watch:
            stages["test"] = self.judge.test(scores, folder.path)
            weights = self._weigh(model, meta)
            if weights is not None:
                stages["behaviors"] = show_behaviors(
                    weights, self.category_names(weights), folder.path
                )
        cost["evaluate"] = watch.cost
        return stages | {"cost": cost}

    def _model(self, meta: MetaLearner) -> JointModel:
        with enough_memory("model"):
            return build_joint(
                self.backbone, meta, self.examples.sizes, self.options.run.seed
            )

    def _weigh(
        self, model: JointModel, meta: MetaLearner
    ) -> BehaviorWeights | None:
        users = np.flatnonzero(self._all_users.targets(TEST).lengths)
        return weigh_behaviors(
            model,
            meta,
            self.examples,
            users,
            self.options.finetune.batch_size,
        )

    def category_names(self, weights: BehaviorWeights) -> np.ndarray:
        """`[behaviors]` the category of each one's item, "" if unknown."""
        names = self.data.source_categories
        if names is None:
            return np.full(len(weights), "", object)
        return names[weights.item - FIRST_ITEM]

    def _draw_curves(self, folder: Path) -> None:
        history = read_history(folder / "history.csv")
        figure = learning_curves(history, monitors={"joint": self.monitor})
        save_figure(figure, folder / "learning_curves.png")

    def servable(
        self, spec: Spec, folder: RunFolder, retrieval: Retrieval
    ) -> JointServable:
        if retrieval.exclude_history:
            raise InputError(
                f"--exclude_history: --backbone={self.backbone} reads no "
                "histories, so there is nothing to leave out: drop the option"
            )
        users = self._all_users
        tested = np.flatnonzero(users.targets(TEST).lengths)[:_EXAMPLES]
        names = [raw.decode() for raw in users.ids]
        return JointServable(
            self._trained(spec, folder).model,
            user_ids=names,
            target_ids=self.data.target_ids.tolist(),
            source=source_of_users(self.examples, np.arange(len(users))),
            category=self.examples.target.category,
            counts=self.training_counts(),
            examples=[names[row] for row in tested],
            k_max=retrieval.k_max,
            candidates=retrieval.candidates,
        )

    def evaluate(self, spec: Spec, folder: RunFolder) -> Mapping[str, float]:
        return self.judge.test(self._trained(spec, folder), None)

    def _trained(self, spec: Spec, folder: RunFolder) -> JointScores:
        self.check_data(folder)
        meta = self._meta(spec)
        model = self._model(meta)
        restore_variables(
            folder.weights,
            tf.train.Checkpoint(model=model, meta=meta),
            remedy="train it again with --overwrite",
        )
        return JointScores(model, self.examples)

    def explain(
        self, folder: RunFolder, user: str, k: int
    ) -> tuple[list[Behavior], list[Behavior]]:
        """A test user's most and least useful source behaviors.

        Args:
          folder: of a finished run.
          user: raw id.
          k: how many of each, at most.

        Raises:
          InputError: if the run weighs no behaviors, or not this user's.
        """
        self.check_data(folder)
        path = folder.path / "behavior_weights.npz"
        if not path.is_file():
            raise InputError(
                f"--mode=explain: {folder.path} weighs no behaviors; train "
                "with --meta=bip"
            )
        weights = BehaviorWeights.load(path)
        row = self.data.row_of_user(user)
        relative = weights.relative()
        categories = self.category_names(weights)
        titles = self.data.source_titles

        def shown(place: int) -> Behavior:
            item = weights.item[place] - FIRST_ITEM
            return Behavior(
                self.data.source_ids[item],
                float(relative[place]),
                categories[place],
                "" if titles is None else titles[item],
            )

        most, least = weights.most_and_least(row, k)
        return [shown(place) for place in most], [shown(p) for p in least]


def sequential_backbones() -> list[str]:
    """Names of the backbones that policies tune."""
    return [
        entry.name for entry in backbones.entries() if not entry.takes("sizes")
    ]
