"""Was there anything to route? Two finished runs, together and by turns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfxdr.data.splits import TEST, VALIDATION
from tfxdr.errors import InputError
from tfxdr.evaluation import Ranking
from tfxdr.evaluation.batching import padded_batches, rows_in_bounds
from tfxdr.evaluation.comparison import Method, Verdicts, judge
from tfxdr.evaluation.metrics import PER_INSTANCE, discounted_gains
from tfxdr.evaluation.routing import FOLDS, hindsight, predicted_gains
from tfxdr.experiments.comparing import check_alike, names_of
from tfxdr.experiments.contender import Contender
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.start import finished_run
from tfxdr.experiments.tasks import NextTarget
from tfxdr.experiments.transfer_contender import TransferContender
from tfxdr.layers.pooling import pool
from tfxdr.models.transfer import TransferModel
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.tracing import graph_of
from tfxdr.registry.metric_names import ranking_metric
from tfxdr.report.headroom import remarks
from tfxdr.training.progress import Progress
from tfxdr.types import FIRST_ITEM, Scorer

ENSEMBLE, ROUTER = "ensemble", "router"


def headroom(runs: Sequence[JudgedRun], progress: Progress) -> Verdicts:
    """As `between`, of runs that are there.

    Args:
      runs: two finished ones.
      progress: takes what opening a run says.

    Raises:
      InputError: there are not two, their data are gone, or `between` refuses
        them.
    """
    if len(runs) != 2:
        raise InputError(
            "--run: expected two finished runs with a comma, such as those of "
            f"cls and all, found {len(runs)}"
        )
    return between([finished_run(RunFolder(r.path), progress) for r in runs])


def between(contenders: Sequence[Contender]) -> Verdicts:
    """Holds an ensemble of two finished runs, and a router, against the better.

    The router predicts from what is known of a user when they are served
    whether the second run ranks their items higher than the first one does.
    It learns that from the validation split, of other users than it decides
    for (`predicted_gains`), and is judged on the test.

    Args:
      contenders: of the two runs.

    Returns:
      Both runs, their ensemble and the router, against the better of the two
      in the test, which that favors; remarks say what it means.

    Raises:
      InputError: the runs were not judged alike, or do not rank by a trained
        model.
    """
    pair = _Pair([_checked(contender) for contender in contenders])
    runs = [JudgedRun.open(contender.folder.path) for contender in contenders]
    names = _names(runs)
    first, second = (Ranking.load(run.path / "ranks.npz") for run in runs)
    routed = pair.routed(first.user)
    ranks = {
        names[0]: first.rank,
        names[1]: second.rank,
        ENSEMBLE: pair.ensemble().rank,
        ROUTER: np.where(routed, second.rank, first.rank),
    }
    methods = [
        _method(name, rank, pair.cutoff, runs) for name, rank in ranks.items()
    ]
    one, other = (method.values for method in methods[:2])
    *_, decides = one  # NDCG, of which the router's gains are, too
    better = max(methods[:2], key=lambda method: method.metrics[decides])
    _, firsts = np.unique(first.user, return_index=True)
    return remarks(
        judge(methods, list(one), better.name, first.user),
        share=float(routed[firsts].mean()),
        best={m: hindsight(one[m], other[m], first.user) for m in one},
    )


def _names(runs: Sequence[JudgedRun]) -> list[str]:
    """Of two methods that were judged alike."""
    check_alike(runs)
    names = names_of(runs)
    if len(set(names)) < len(names):
        raise InputError(
            f"--run: expected runs of two methods, found two of {names[0]}"
        )
    return names


def _method(
    name: str, ranks: np.ndarray, cutoff: int, runs: Sequence[JudgedRun]
) -> Method:
    values = {
        ranking_metric(metric, cutoff): of_ranks(ranks, cutoff)
        for metric, of_ranks in PER_INSTANCE.items()
    }
    means = {metric: float(value.mean()) for metric, value in values.items()}
    places = [str(run.path) for run in runs]
    return Method(name, [runs[0].seed], places, means, {}, values)


def _checked(contender: Contender) -> TransferContender:
    """One that ranks by a trained model.

    Raises:
      InputError: it does not.
    """
    if not (
        isinstance(contender, TransferContender)
        and isinstance(contender.experiment.task, NextTarget)
    ):
        raise InputError(
            f"--run: {contender.folder.path} cannot be routed to: expected a "
            "run of --task=next-target whose policy trains a sequential "
            f"backbone, found {contender.spec} of --task="
            f"{contender.experiment.options.task.task} and --backbone="
            f"{contender.experiment.backbone}"
        )
    return contender


class _Pair:
    """Two trained models on the users of one task."""

    def __init__(self, contenders: Sequence[TransferContender]) -> None:
        experiment = contenders[0].experiment
        assert isinstance(experiment.task, NextTarget)
        self._task = experiment.task
        self._stages = [contender.trained() for contender in contenders]
        self.cutoff = experiment.options.evaluate.top_n[0]

    def ensemble(self) -> Ranking:
        """The test, ranked by the mean of both models' probabilities.

        It is what a router serves on average that tosses a coin for each user:
        an item of which either is sure stands high. A mean of logarithms would
        ask for both to agree, where routing is about users for whom one of
        them is wrong.
        """
        first, second = (stage.scores for stage in self._stages)
        return self._task.rankers(TEST)[0].rank(_mixed(first, second))

    def routed(self, users: np.ndarray) -> np.ndarray:
        """`[instances]` bool: whose users go to the second model."""
        (ranker,) = self._task.rankers(VALIDATION)
        ranks = [ranker.rank(stage.scores) for stage in self._stages]
        # Not cut off: an item below the cutoff tells something, too.
        low, high = (
            discounted_gains(one.rank, self._task.num_items) for one in ranks
        )
        known, row = np.unique(
            np.concatenate([users, ranks[0].user]), return_inverse=True
        )
        asked, taught = row[: len(users)], row[len(users) :]
        counts = np.bincount(taught, minlength=len(known))
        if np.count_nonzero(counts) < FOLDS:
            raise InputError(
                "--mode=headroom: a router learns from the validation split: "
                f"expected at least {FOLDS} users there, found "
                f"{np.count_nonzero(counts)}; raise its share in "
                "--split_fractions"
            )
        sums = np.bincount(taught, high - low, minlength=len(known))
        gains = sums / np.maximum(counts, 1)
        predicted = predicted_gains(self._features(known), gains, counts)
        return predicted[asked] > 0

    def _features(self, users: np.ndarray) -> np.ndarray:
        """`[users, features]` what is known of users when they are served."""
        history = self._task.users.history
        seen = [
            _observed(stage.model, history, users, self._batch_size)
            for stage in self._stages
        ]
        length = np.log1p(history.lengths[users])[:, np.newaxis]
        return np.concatenate([*seen, length], axis=1)

    @property
    def _batch_size(self) -> int:
        return min(self._task.batch_size, rows_in_bounds(self._task.num_items))


def _log_probabilities(logits: tf.Tensor) -> tf.Tensor:
    """`[users, items]` of real items alone."""
    return tf.nn.log_softmax(tf.cast(logits, tf.float32)[:, FIRST_ITEM:])


def _mixed(first: Scorer, second: Scorer) -> Scorer:
    def scores(history: np.ndarray) -> tf.Tensor:
        logs = [_log_probabilities(score(history)) for score in (first, second)]
        mean = tf.reduce_logsumexp(tf.stack(logs), axis=0)
        return tf.pad(mean, [[0, 0], [FIRST_ITEM, 0]])

    return scores


def _observed(
    model: TransferModel, history: Ragged, users: np.ndarray, batch_size: int
) -> np.ndarray:
    """`[users, 2 d + 2]` what a model makes of histories when it serves.

    Its user vectors; the means of its states over the history, for where the
    vector is the last state it has often forgotten the first items; and how
    sure it is of its scores: their entropy, and the largest logarithm of a
    probability.
    """

    def observe(padded: tf.Tensor) -> tf.Tensor:
        actions = model.actions(padded) if model.is_routed else None
        states, mask = model.backbone.encode(
            padded, actions, None, last_alone=False
        )
        vector = pool(states, mask, model.pooling)
        logs = _log_probabilities(model.head(vector))
        entropy = -tf.reduce_sum(
            tf.math.multiply_no_nan(logs, tf.exp(logs)), axis=1, keepdims=True
        )
        surest = tf.reduce_max(logs, axis=1, keepdims=True)
        parts = [vector, pool(states, mask, "mean"), entropy, surest]
        return tf.concat([tf.cast(p, tf.float32) for p in parts], axis=1)

    observed = graph_of(
        observe,
        model,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )
    places, parts = [], []
    for place, padded in padded_batches(history, users, batch_size):
        places.append(place)
        parts.append(observed(tf.constant(padded)).numpy())
    order = np.argsort(np.concatenate(places))
    return np.concatenate(parts)[order].astype(np.float64)
