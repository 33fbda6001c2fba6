"""From named components to a model with all its weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import Backbone
from tfxdr.models.pretrain import PretrainModel
from tfxdr.models.towers import route_blocks, tune_blocks
from tfxdr.models.transfer import Loss, TransferModel
from tfxdr.policies import Policy
from tfxdr.policy_networks import PolicyNetwork
from tfxdr.registry import Spec
from tfxdr.training.pretraining import Pretrained
from tfxdr.tuners import Tuner


@dataclasses.dataclass(frozen=True)
class Parts:
    """What a transfer model is made of.

    Attributes:
      backbone: what reads histories.
      policy: what is frozen, for whom.
      policy_network: the encoder of one, if the policy wants it.
      tuner: what a tuned block is.
      loss: of an instance.
      source: makes the source domain's model from backbone and items.
    """

    backbone: Spec
    policy: Policy
    policy_network: Spec
    tuner: Tuner
    loss: Loss
    source: Callable[[Backbone, int], PretrainModel] = PretrainModel


def build_model(
    parts: Parts,
    *,
    num_source_items: int,
    num_target_items: int,
    pooling: str,
    train_embeddings: str,
    top_k: int,
    pretrained: Pretrained | None,
    seed: int,
    counts: np.ndarray | None = None,
    network_options: Mapping[str, Any] | None = None,
) -> TransferModel:
    """Assembles a model.

    Args:
      parts: its components.
      num_source_items: size of the source table.
      num_target_items: size of the target table.
      pooling: `last` or `mean`.
      train_embeddings: `true`, `false`, or `auto`: as policy and tuner do.
      top_k: the last rank that a policy takes for correct by default.
      pretrained: where the backbone's weights are; `None` keeps random ones.
      seed: of random weights.
      counts: `[num_target_items]` training instances of each, from which the
        head's scores start; `None` keeps random ones.
      network_options: those of `PolicyNetwork`, if the policy wants one.

    Raises:
      InputError: if the policy does not fit the backbone.
      ValueError: if the policy contradicts itself.
    """
    keras.utils.set_random_seed(seed)
    policy, tuner = parts.policy, parts.tuner
    backbone = parts.backbone.build(num_items=num_source_items)
    backbone(tf.zeros([1, 1], tf.int32))
    if pretrained is not None:
        pretrained.restore(backbone)
    actions = policy.static_actions(len(backbone.blocks))
    source = None
    if policy.source_weight:
        if actions is None:
            raise ValueError(
                f"{type(policy).__name__}: source_weight needs static_actions"
            )
        source = parts.source(backbone, num_source_items)
    own = policy.train_embeddings and tuner.train_embeddings
    tuned = {"true": True, "false": False, "auto": own}[train_embeddings]
    network = None
    if actions is None:
        known = route_blocks(
            backbone,
            tuner,
            train_embeddings=tuned,
            hard=policy.is_hard,
            hard_in_training=policy.is_hard_in_training,
        )
        if policy.has_network:
            network = _policy_network(
                parts,
                backbone,
                num_source_items,
                network_options or {},
            )
    else:
        known = tune_blocks(backbone, actions, tuner, train_embeddings=tuned)
    model = TransferModel(
        backbone,
        num_target_items,
        loss=parts.loss,
        policy=policy,
        policy_network=network,
        source=source,
        known_variables=known,
        pooling=pooling,
        top_k=top_k,
    )
    model(tf.zeros([1, 1], tf.int32))
    if counts is not None:
        model.head.start_from_popularity(counts)
    if source is not None:
        source(tf.zeros([1, 1], tf.int32))
    return model


def _policy_network(
    parts: Parts,
    backbone: Backbone,
    num_source_items: int,
    options: Mapping[str, Any],
) -> PolicyNetwork:
    """With an item embedding of its own, a copy of the backbone's."""
    network = PolicyNetwork(
        parts.policy_network.build(
            num_items=num_source_items, channels=backbone.width
        ),
        len(backbone.blocks),
        **options,
    )
    network(tf.zeros([1, 1], tf.int32))
    network.start_from(backbone.embedding)
    return network
