"""CoNet, two towers with cross connections (Hu et al., CIKM 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone, check_hidden
from tfxdr.layers.cross_unit import CrossUnit
from tfxdr.layers.domain_embedding import EMBEDDING_SCALE
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes


@backbones.register("conet")
class CoNet(JointBackbone):
    """Two towers; every layer of one also feeds the other.

    A tower reads the vectors of user, item and item category; the user's is
    shared, and the categories are left out where no domain has any. Layers
    have no bias, as in the code of BIP's authors, whose sizes are the defaults.
    """

    def __init__(
        self,
        sizes: JointSizes,
        embedding_size: int = 10,
        hidden: Sequence[int] = (64, 32, 16, 8),
        sparse: float = 0.0,
        only_target: bool = False,
        embedding_scale: float = EMBEDDING_SCALE,
        dropout: float = 0.0,
        *,
        name: str = "conet",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          sizes: of the tables.
          embedding_size: of a user's, an item's and a category's vector.
          hidden: width of every layer.
          sparse: factor of the lasso on the cross connections (SCoNet).
          only_target: leaves the source domain out (CoNet-S): a plain tower.
          embedding_scale: standard deviation of first vectors; the authors
            of BIP have 1.
          dropout: of what a layer reads, in training.
          name: layer name.

        Raises:
          ValueError: if an option is out of range.
        """
        super().__init__(
            sizes,
            embedding_size,
            uses_source=not only_target,
            embedding_scale=embedding_scale,
            dropout=dropout,
            name=name,
            **kwargs,
        )
        check_hidden(hidden)
        if sparse < 0:
            raise ValueError(f"sparse should be >= 0, received {sparse}")
        self.hidden = tuple(hidden)
        self.sparse = sparse
        self.user_embedding = self.user_table("user")
        self.units = [
            CrossUnit(width, name=f"unit{index}")
            if self.uses_source
            else keras.layers.Dense(
                width, activation="relu", use_bias=False, name=f"unit{index}"
            )
            for index, width in enumerate(self.hidden, start=1)
        ]

    def call(
        self,
        user: tf.Tensor,
        source: Items,
        target: Items,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As in `JointBackbone`; without source its vector is 0."""
        users = self.user_embedding(user)
        hidden = tf.concat([users, self.target_features(target)], axis=-1)
        if not self.uses_source:
            for place, unit in enumerate(self.units):
                hidden = unit(self.dropped(hidden, seed, 2 * place))
            return tf.zeros_like(hidden), hidden
        other = tf.concat([users, self.source_features(source)], axis=-1)
        for place, unit in enumerate(self.units):
            hidden = self.dropped(hidden, seed, 2 * place)
            other = self.dropped(other, seed, 2 * place + 1)
            other, hidden = unit(other, hidden)
        return other, hidden

    def penalty(self) -> tf.Tensor:
        """`sparse` times the sum of all `|H|` (SCoNet)."""
        if not self.sparse or not self.uses_source:
            return super().penalty()
        return self.sparse * tf.add_n(
            [tf.reduce_sum(tf.abs(unit.transfer)) for unit in self.units]
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "sparse": self.sparse,
            "only_target": not self.uses_source,
        }
