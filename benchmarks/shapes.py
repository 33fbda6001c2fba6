"""Sizes that the stages of `python -m benchmarks` share."""

from __future__ import annotations

import argparse

import tensorflow as tf

from benchmarks import naive
from tfxdr.policy_networks.encoders import PAPER_DILATIONS as POLICY_DILATIONS
from tfxdr.types import FIRST_ITEM, Batch


class Shapes:
    """Sizes, what they come to in FLOPs, and inputs at random.

    Args:
      chosen: `batch`, `length`, `channels`, `layers`, `items`, `users`.
    """

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.batch, self.length = chosen.batch, chosen.length
        self.channels, self.items = chosen.channels, chosen.items
        self.users = chosen.users
        cycle = POLICY_DILATIONS * (chosen.layers // len(POLICY_DILATIONS) + 1)
        self.dilations = cycle[: chosen.layers]
        # A forward pass: of a layer over the batch, and of a row of logits.
        self.layer = 2.0 * 3 * self.channels**2 * self.length * self.batch
        self.logits = 2.0 * self.channels * self.items
        self.tower = self.layer * chosen.layers
        self.policy = self.layer * len(POLICY_DILATIONS)

    @property
    def history(self) -> tf.Tensor:
        """`[batch, length]`, without padding."""
        return self.ids([self.batch, self.length], 1)

    def ids(self, shape: list[int], seed: int) -> tf.Tensor:
        """Real items."""
        return tf.random.stateless_uniform(
            shape, [seed, 0], FIRST_ITEM, self.items, tf.int32
        )

    def inputs(self, candidates: int) -> Batch:
        """Of a training step; an instance a row."""
        return Batch(
            history=self.history,
            positives=self.ids([self.batch, 1], 2),
            negatives=self.ids([self.batch, 1, 1], 3),
            candidates=self.ids([self.batch, candidates], 4),
            seed=tf.constant([0, 1]),
            step=tf.constant(0),
            epoch=tf.constant(0),
        )

    def naive_tower(self, tuned: int | None = None) -> naive.Tower:
        """Of the backbone's shape; by default all is trained."""
        tuned = len(self.dilations) // 2 if tuned is None else tuned
        return naive.Tower(self.items, self.channels, self.dilations, tuned)

    def naive_routed(self, kind: str) -> naive.TwoTowers:
        policy = naive.Tower(
            self.items,
            self.channels,
            POLICY_DILATIONS,
            len(POLICY_DILATIONS) // 2,
        )
        towers = self.naive_tower(0), self.naive_tower()
        return naive.TwoTowers(*towers, policy, self.items, kind)
