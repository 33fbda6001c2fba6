"""The model that fine-tuning fits: who gets which target item."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import Backbone
from tfxdr.layers.pooling import pool
from tfxdr.layers.routed_block import RoutedBlock
from tfxdr.layers.target_head import TargetHead
from tfxdr.models.pretrain import PretrainModel
from tfxdr.ops import parts
from tfxdr.ops.ranking import rank_among
from tfxdr.policies import Policy
from tfxdr.policy_networks import PolicyNetwork
from tfxdr.types import Batch, Context, Draw, Head

Loss = Callable[[tf.Tensor, Head, Batch], tf.Tensor]


class TransferModel(keras.Model):
    """A backbone that a policy tunes, under a target head.

    The backbone has one tower, whose blocks are frozen or tuned for all users,
    or two, whose routed blocks run as the policy decides for each user (UAF
    Eq. 6).

    Args:
      backbone: as `towers.tune_blocks` or `towers.route_blocks` left it.
      num_items: size of the target table, reserved ids included.
      loss: one value per instance from user vectors, head and batch.
      policy: what decides, if there are two towers.
      policy_network: gives the policy its logits; none: they are zeros.
      source: shares the backbone; its loss is added, weighted by the policy.
      known_variables: of the backbone, without what a tuner added to it.
      pooling: `last` or `mean`.
      top_k: the last rank that a policy takes for correct by default.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_items: int,
        *,
        loss: Loss,
        policy: Policy,
        policy_network: PolicyNetwork | None = None,
        source: PretrainModel | None = None,
        known_variables: Sequence[tf.Variable] = (),
        pooling: str = "last",
        top_k: int = 5,
        name: str = "transfer",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.backbone = backbone
        self.head = TargetHead(num_items)
        self.instance_loss = loss
        self.policy = policy
        self.policy_network = policy_network
        self.source = source
        self.pooling = pooling
        self.top_k = top_k
        self._known = {id(variable) for variable in known_variables}

    @property
    def is_routed(self) -> bool:
        """Whether there are two towers, and so actions."""
        return isinstance(self.backbone.blocks[0], RoutedBlock)

    @property
    def block_names(self) -> list[str]:
        """Of the backbone's blocks, the lowest first."""
        return [
            block.frozen.name if isinstance(block, RoutedBlock) else block.name
            for block in self.backbone.blocks
        ]

    @property
    def pretrained_variables(self) -> list[tf.Variable]:
        """Those to be trained that pre-training made (or a copy of them)."""
        variables = self.backbone.trainable_variables
        return [v for v in variables if id(v) in self._known]

    @property
    def policy_variables(self) -> list[tf.Variable]:
        """Those of the policy network, and of the policy itself."""
        network = self.policy_network
        own = list(self.policy.trainable_variables) if self.is_routed else []
        return [*(network.trainable_variables if network else []), *own]

    def actions(self, history: tf.Tensor) -> tf.Tensor:
        """What inference decides: `[batch, length]` to `[batch, blocks]`.

        One tower has the same actions for all users.
        """
        if not self.is_routed:
            static = self.policy.static_actions(len(self.backbone.blocks))
            row = tf.cast([static], tf.float32)
            return tf.repeat(row, tf.shape(history)[0], axis=0)
        zero = tf.constant(0)
        context = Context(history, tf.zeros([2], tf.int32), zero, zero)
        return self._decide(self._logits(history, None), context, False)

    def user_vector(self, history: tf.Tensor) -> tf.Tensor:
        """`[batch, length]` int32 to `[batch, d]`, at inference."""
        actions = self.actions(history) if self.is_routed else None
        return self._encode(history, actions, None)

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """Logits of every target item, `[batch, items]`."""
        return self.head(self.user_vector(history))

    def batch_loss(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Loss of a training step, and how many instances it holds.

        It is the mean over instances, plus what the policy adds to it.
        """
        if self.is_routed:
            loss, count = self._routed_loss(batch)
        else:
            user = self._encode(batch.history, None, batch.seed)
            loss, count = self._mean_loss(user, batch)
        if self.source is not None:
            own = batch._replace(seed=_fold(batch.seed, Draw.SOURCE))
            weight = self.policy.source_weight
            mean, positions = self.source.batch_loss(own)
            loss += weight * parts.counted_by(mean, positions, count)
        return loss, count

    def decided_loss(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """As `batch_loss`, with the actions of inference.

        Towers and head can learn by it, a policy cannot.
        """
        actions = tf.stop_gradient(self.actions(batch.history))
        user = self._encode(batch.history, actions, batch.seed)
        return self._mean_loss(user, batch)

    def _routed_loss(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        seed = _fold(batch.seed, Draw.POLICY)
        context = Context(batch.history, seed, batch.step, batch.epoch)
        logits = self._logits(batch.history, seed)
        actions = self._decide(logits, context, True)
        user = self._encode(batch.history, actions, batch.seed)
        loss, count = self._mean_loss(user, batch)
        rollout = _Rollout(self, batch, actions, user)
        extra = self.policy.extra_loss(logits, actions, rollout, context)
        return loss + extra + self._penalty(), count

    def _penalty(self) -> tf.Tensor | float:
        network = self.policy_network
        return tf.add_n(network.losses) if network and network.losses else 0.0

    def _mean_loss(
        self, user: tf.Tensor, batch: Batch
    ) -> tuple[tf.Tensor, tf.Tensor]:
        values = self.instance_loss(user, self.head, batch)
        real = tf.cast(batch.positives != 0, values.dtype)
        count = tf.reduce_sum(real)
        return tf.reduce_sum(values * real) / tf.maximum(count, 1.0), count

    def _logits(self, history: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        if self.policy_network is not None:
            return self.policy_network(history, seed)
        return tf.zeros([tf.shape(history)[0], len(self.backbone.blocks), 2])

    def _decide(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        actions = tf.cast(
            self.policy.call(logits, context, training), tf.float32
        )
        num_blocks = len(self.backbone.blocks)
        if not actions.shape.is_compatible_with([None, num_blocks]):
            raise ValueError(
                f"{type(self.policy).__name__}.call should return actions "
                f"[batch, {num_blocks}]. Received: shape {actions.shape}"
            )
        return actions

    def _encode(
        self,
        history: tf.Tensor,
        actions: tf.Tensor | None,
        seed: tf.Tensor | None,
    ) -> tf.Tensor:
        hidden, mask = self.backbone.encode(
            history, actions, seed, last_alone=self.pooling == "last"
        )
        return pool(hidden, mask, self.pooling)


class _Rollout:
    """See `tfxdr.policies.Rollout`; the step's own actions cost nothing."""

    def __init__(
        self,
        model: TransferModel,
        batch: Batch,
        actions: tf.Tensor,
        user: tf.Tensor,
    ) -> None:
        self.top_k = model.top_k
        self._model = model
        self._batch = batch
        self._actions = actions
        self._user = user

    def __call__(self, actions: tf.Tensor) -> tf.Tensor:
        batch, head = self._batch, self._model.head
        if not self._model.policy.num_candidates:
            raise ValueError(
                f"{type(self._model.policy).__name__} should set "
                "num_candidates: a rollout has nothing to rank among"
            )
        user = self._user
        if actions is not self._actions:
            user = self._model._encode(batch.history, actions, batch.seed)
        user = tf.stop_gradient(user)
        candidates = tf.sort(batch.candidates, axis=1)
        scores = head.score(user, candidates)
        repeated = tf.pad(
            candidates[:, 1:] == candidates[:, :-1], [[0, 0], [1, 0]]
        )
        scores = tf.where(repeated, scores.dtype.min, scores)
        rank = rank_among(
            head.score(user, batch.positives), scores[:, tf.newaxis]
        )
        return tf.stop_gradient(tf.where(batch.positives != 0, rank, 0))


def _fold(seed: tf.Tensor, draw: Draw) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, draw)
