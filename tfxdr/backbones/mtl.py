"""Hard parameter sharing (Caruana 1997), the plainest joint model."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone, check_hidden
from tfxdr.layers.domain_embedding import EMBEDDING_SCALE
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes


@backbones.register("mtl")
class MultiTask(JointBackbone):
    """Both domains run through the same layers; only the last is their own.

    The users' vectors and the lower layers are shared. Each domain has
    vectors of its own items and their categories (left out where no domain
    has any), and one layer of its own on top. A domain's result does not
    depend on the other's example.
    """

    def __init__(
        self,
        sizes: JointSizes,
        embedding_size: int = 10,
        hidden: Sequence[int] = (64, 32, 16, 8),
        embedding_scale: float = EMBEDDING_SCALE,
        dropout: float = 0.0,
        user_size: int | None = None,
        *,
        name: str = "mtl",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          sizes: of the tables.
          embedding_size: of an item's and a category's vector, and of a user's
            unless `user_size` says another.
          hidden: width of every layer, two or more; the last is a domain's
            own.
          embedding_scale: standard deviation of first vectors; the authors
            of BIP have 1.
          dropout: of what a layer reads, in training.
          user_size: of a user's vector. A short one has to mix what the
            domains, or persons of one account, do not share.
          name: layer name.

        Raises:
          ValueError: if an option is out of range.
        """
        super().__init__(
            sizes,
            embedding_size,
            embedding_scale=embedding_scale,
            dropout=dropout,
            name=name,
            **kwargs,
        )
        check_hidden(hidden, least=2)
        if user_size is not None and user_size < 1:
            raise ValueError(f"user_size should be >= 1. Received: {user_size}")
        self.hidden = tuple(hidden)
        self.user_size = user_size
        self.user_embedding = self.user_table("user", user_size)
        *shared, own = self.hidden
        self.shared_layers = [
            keras.layers.Dense(width, activation="relu", name=f"shared{index}")
            for index, width in enumerate(shared, start=1)
        ]
        self.source_layer, self.target_layer = (
            keras.layers.Dense(own, activation="relu", name=f"{domain}_layer")
            for domain in ("source", "target")
        )

    def call(
        self,
        user: tf.Tensor,
        source: Items,
        target: Items,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As in `JointBackbone`."""
        users = self.user_embedding(user)
        return (
            self._read(
                users, self.source_features(source), self.source_layer, seed, 0
            ),
            self._read(
                users, self.target_features(target), self.target_layer, seed, 1
            ),
        )

    def _read(
        self,
        users: tf.Tensor,
        features: tf.Tensor,
        own: keras.layers.Layer,
        seed: tf.Tensor | None,
        domain: int,
    ) -> tf.Tensor:
        hidden = tf.concat([users, features], axis=-1)
        for place, layer in enumerate((*self.shared_layers, own)):
            hidden = layer(self.dropped(hidden, seed, 2 * place + domain))
        return hidden

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "user_size": self.user_size,
        }
