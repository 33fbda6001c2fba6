"""A joint model's run: its test, its behaviors, and what serves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from tfxdr.data.joint.batches import source_of_users
from tfxdr.data.splits import TEST, VALIDATION
from tfxdr.errors import InputError
from tfxdr.evaluation import BehaviorWeights
from tfxdr.experiments.contender import TrainedContender
from tfxdr.experiments.joint_judge import JointScores
from tfxdr.experiments.once_more import once_more
from tfxdr.ops.tracing import graph_of
from tfxdr.report.run import show_behaviors
from tfxdr.serving.approximate import BRUTE_FORCE
from tfxdr.serving.batch import UserScores
from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.joint import JointServable
from tfxdr.training.cost import Costs
from tfxdr.training.joint import (
    JointStage,
    RetrainStage,
    weigh_behaviors,
)
from tfxdr.types import FIRST_ITEM

if TYPE_CHECKING:
    from tfxdr.experiments.joint import JointExperiment
    from tfxdr.report.behaviors import Behavior


class JointContender(TrainedContender[JointStage]):
    """A meta-learner."""

    experiment: JointExperiment

    def _first(self, costs: Costs) -> tuple[JointStage, dict[str, Mapping]]:
        del costs  # Random weights have none.
        return self.experiment.stage(self.experiment.meta(self.spec)), {}

    def _untrained(self) -> JointStage:
        meta = self.experiment.meta(self.spec)
        return self.experiment.stage(meta, restored=True)

    def train_stage(
        self, stage: JointStage
    ) -> tuple[JointStage, Mapping[str, float]]:
        """Trains the model; where weights were learned, a new one by them."""
        experiment = self.experiment
        searched = self.fit(stage)
        if stage.found is None:
            return stage, searched
        epochs = int(searched["epochs"])
        again = experiment.retrain_stage(stage, stage.found, epochs)
        rows = experiment.examples.evaluation_rows("target", VALIDATION)
        stays, validation = once_more(
            self,
            again,
            searched,
            validated=len(rows.target_label),
            first="was trained while weights were learned",
        )
        return again if stays else stage, validation

    def _kept(self, stage: JointStage) -> tf.train.Checkpoint:
        return tf.train.Checkpoint(model=stage.model, meta=stage.learner)

    @property
    def _monitors(self) -> dict[str, str]:
        stages = JointStage.name, RetrainStage.name
        return dict.fromkeys(stages, self.experiment.monitor)

    def _test(self, stage: JointStage, folder: Path | None) -> dict[str, float]:
        scores = JointScores(stage.model, self.experiment.examples)
        return self.experiment.judge.test(scores, folder)

    def _show(self, stage: JointStage) -> dict[str, Mapping]:
        """What the meta-learner makes of the test users' source behaviors."""
        experiment = self.experiment
        weights = weigh_behaviors(
            stage.model,
            stage.meta,
            experiment.examples,
            np.flatnonzero(experiment.all_users.targets(TEST).lengths),
            experiment.options.finetune.batch_size,
        )
        if weights is None:
            return {}
        categories = self.category_names(weights)
        shown = show_behaviors(
            weights,
            categories,
            self.folder.path,
            self.experiment.progress.say,
            experiment.groups,
        )
        return {"behaviors": shown}

    def category_names(self, weights: BehaviorWeights) -> np.ndarray:
        """`[behaviors]` the category of each one's item, "" if unknown."""
        names = self.experiment.data.source_categories
        if names is None:
            return np.full(len(weights), "", object)
        return names[weights.item - FIRST_ITEM]

    def check_servable(self, retrieval: Retrieval) -> None:
        experiment = self.experiment
        if retrieval.exclude_history:
            raise InputError(
                f"--exclude_history: --backbone={experiment.backbone} reads "
                "no histories, so there is nothing to leave out: drop the "
                "option"
            )
        if retrieval.kind != BRUTE_FORCE:
            raise InputError(
                f"--export_retrieval={retrieval.kind}: "
                f"--backbone={experiment.backbone} scores pairs, and has no "
                "vectors of users to search an index with: drop the option"
            )

    def servable(self, retrieval: Retrieval) -> JointServable:
        self.check_servable(retrieval)
        experiment = self.experiment
        users = experiment.all_users
        names = [raw.decode() for raw in users.ids]
        examples = experiment.examples
        return JointServable(
            self.trained().model,
            user_ids=names,
            target_ids=experiment.data.target_ids.tolist(),
            source=source_of_users(examples, np.arange(len(users))),
            category=examples.target.category,
            counts=experiment.training_counts(),
            examples=[names[row] for row in experiment.example_rows(users)],
            k_max=retrieval.k_max,
            candidates=retrieval.candidates,
        )

    def user_scores(self) -> UserScores:
        rows = tf.TensorSpec([None], tf.int32)
        ranked = graph_of(
            self.servable(Retrieval()).scores,
            self.trained().model,
            input_signature=[rows],
        )
        return lambda users: ranked(tf.constant(users + FIRST_ITEM, tf.int32))

    def explain(
        self, user: str, k: int
    ) -> tuple[list[Behavior], list[Behavior]]:
        """A test user's most and least useful source behaviors.

        Args:
          user: raw id.
          k: how many of each, at most.

        Raises:
          InputError: if the run weighs no behaviors, or not this user's.
        """
        from tfxdr.report.behaviors import Behavior

        self.experiment.check_data(self.folder)
        path = self.folder.path / "behavior_weights.npz"
        if not path.is_file():
            raise InputError(
                f"--mode=explain: {self.folder.path} weighs no behaviors; "
                "train with --meta=bip"
            )
        weights = BehaviorWeights.load(path)
        data = self.experiment.data
        row = data.row_of_user(user)
        relative = weights.relative()
        categories = self.category_names(weights)
        titles = data.source_titles

        def shown(place: int) -> Behavior:
            item = weights.item[place] - FIRST_ITEM
            return Behavior(
                data.source_ids[item],
                float(relative[place]),
                categories[place],
                "" if titles is None else titles[item],
            )

        most, least = weights.most_and_least(row, k)
        return [shown(place) for place in most], [shown(p) for p in least]
