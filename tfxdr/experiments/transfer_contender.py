"""A policy's run: its model, its test, and what it decides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from tfxdr.data.grown import GrownData
from tfxdr.data.splits import VALIDATION
from tfxdr.experiments.contender import TrainedContender, padded
from tfxdr.experiments.once_more import once_more
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.warm_start import described, warm_start
from tfxdr.files import write_json
from tfxdr.ops.tracing import graph_of
from tfxdr.policies import Policy
from tfxdr.registry import Spec
from tfxdr.report.run import show_actions
from tfxdr.serving.batch import UserScores
from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.transfer import TransferServable, check_retrieval
from tfxdr.training.cost import Costs
from tfxdr.training.finetuning import (
    FinetuneStage,
    RetrainStage,
    give_back,
)
from tfxdr.training.fit import checkpoints, groups
from tfxdr.training.parameters import ParameterGroups
from tfxdr.training.slots import read_optimizers
from tfxdr.types import FIRST_ITEM

_QUERIES = 1000  # test users for whom an index is measured

if TYPE_CHECKING:
    from tfxdr.experiments.transfer import TransferExperiment


class TransferContender(TrainedContender[FinetuneStage]):
    """A policy.

    Args:
      experiment: has data and options.
      spec: of the policy.
      folder: of the run.
      policy: decides what is tuned.
    """

    experiment: TransferExperiment

    def __init__(
        self,
        experiment: TransferExperiment,
        spec: Spec,
        folder: RunFolder,
        policy: Policy,
    ) -> None:
        super().__init__(experiment, spec, folder)
        self._policy = policy

    def _first(self, costs: Costs) -> tuple[FinetuneStage, dict[str, Mapping]]:
        """From those of an earlier run, or from pre-trained ones."""
        experiment = self.experiment
        if experiment.options.finetune.warm_start:
            with costs.of("warm_start"):
                return self._warm()
        if not self._policy.pretrained:
            return experiment.stage(self._policy, None), {}
        with costs.of("pretrain"):
            pretrained = experiment.pretrain(
                self.folder.path, resume=experiment.options.run.resume
            )
        told = pretrained.metrics | {"cached": pretrained.cached}
        return experiment.stage(self._policy, pretrained), {"pretrain": told}

    def _warm(self) -> tuple[FinetuneStage, dict[str, Mapping]]:
        """As a run on earlier data left it, and what that is worth here."""
        experiment = self.experiment
        stage = experiment.stage(self._policy, None)
        run = experiment.options.finetune.warm_start
        told = warm_start(run, stage, experiment)
        if isinstance(experiment.data, GrownData):
            write_json(self.folder.vanished, experiment.data.kept)
        metrics = self._test(stage, None)
        name = experiment.monitor
        experiment.progress.say(
            f"{described(told)}; {name} of the test before training: "
            f"{metrics[name]:.4f}"
        )
        return stage, {"warm_start": told | {"test": metrics}}

    def train_stage(
        self, stage: FinetuneStage
    ) -> tuple[FinetuneStage, Mapping[str, float]]:
        """Trains the model; where a policy learned, once more by it."""
        options = self.experiment.options.model
        if not (options.policy_retrain and stage.model.policy_variables):
            return super().train_stage(stage)
        first = stage.weights_beside_policy()
        searched = self.fit(stage)
        learned = stage.weights_beside_policy()
        again = RetrainStage(stage, first, epochs=int(searched["epochs"]))
        users = self.experiment.users
        stays, validation = once_more(
            self,
            again,
            searched,
            validated=len(users.targets(VALIDATION).values),
            first="the policy learned with",
        )
        if not stays:
            give_back(learned)
        return stage, validation

    def _untrained(self) -> FinetuneStage:
        return self.experiment.stage(self._policy, None)

    def moved(self) -> ParameterGroups:
        """What has moved a finished run's model, as the last epoch left it.

        Its variables have the weights that the run kept. Where a policy was
        retrained, it is what moved them while it learned.

        Raises:
          InputError: the run's checkpoints are gone, or cannot be read.
        """
        stage, experiment = self.trained(), self.experiment
        warm = experiment.options.finetune.warm_start
        stage.pretrained = self._policy.pretrained and not warm
        found = groups(stage, experiment.optimizer_settings(), epochs=1)
        read_optimizers(found, checkpoints(self.folder.path, stage.checkpoints))
        return found

    def _kept(self, stage: FinetuneStage) -> tf.train.Checkpoint:
        return tf.train.Checkpoint(model=stage.model)

    @property
    def _monitors(self) -> dict[str, str]:
        options = self.experiment.options
        return {
            "pretrain": options.pretrain.pretrain_monitor,
            "finetune": options.monitor,
            "retrain": options.monitor,
        }

    def _test(
        self, stage: FinetuneStage, folder: Path | None
    ) -> dict[str, float]:
        return self.experiment.task.test(stage.scores, folder)

    def _show(self, stage: FinetuneStage) -> dict[str, Mapping]:
        """What the policy decides for the test users."""
        if not stage.model.is_routed:
            return {}
        experiment = self.experiment
        actions = experiment.task.actions(stage.decide)
        ids = experiment.users.ids[actions.users]
        shown = show_actions(
            actions,
            [raw.decode() for raw in ids],
            self.folder.path,
            str(self.spec),
            experiment.progress.say,
            experiment.groups,
        )
        return {"actions": shown}

    def check_servable(self, retrieval: Retrieval) -> None:
        experiment = self.experiment
        check_retrieval(
            retrieval,
            experiment.data.source_ids.tolist(),
            experiment.task.target_ids,
        )

    def servable(self, retrieval: Retrieval) -> TransferServable:
        model = self.trained().model
        experiment = self.experiment
        users, ids = experiment.users, experiment.data.source_ids
        return TransferServable(
            model,
            source_ids=ids.tolist(),
            target_ids=experiment.task.target_ids,
            counts=experiment.training_counts(),
            max_history=experiment.max_history,
            examples=[
                ids[users.history[row] - FIRST_ITEM].tolist()
                for row in experiment.example_rows(users)
            ],
            retrieval=retrieval,
            queries=padded(
                experiment.histories, experiment.example_rows(users, _QUERIES)
            ),
        )

    def user_scores(self) -> UserScores:
        history = tf.TensorSpec([None, None], tf.int32)
        ranked = graph_of(
            self.servable(Retrieval()).scores,
            self.trained().model,
            input_signature=[history],
        )
        histories = self.experiment.histories
        return lambda users: ranked(tf.constant(padded(histories, users)))
