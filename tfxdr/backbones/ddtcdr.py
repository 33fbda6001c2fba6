"""DDTCDR, dual transfer (Li and Tuzhilin, WSDM 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone, check_hidden
from tfxdr.layers.domain_embedding import EMBEDDING_SCALE
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes


@backbones.register("ddtcdr")
class DDTCDR(JointBackbone):
    """Two towers, and an orthogonal map between the domains' user vectors.

    The paper blends two ratings of an item: a network's own, from the user's
    vector in this domain, and one from a mapped user vector, with weights
    `1 - alpha` and `alpha`. Here, with tower `F`, user vectors `u`, item
    vectors `i` and the map `X`, the head of a domain reads

        (1 - alpha) F_t(u_t, i_t) + alpha F_t(X u_s, i_t)    for the target,
        (1 - alpha) F_s(u_s, i_s) + alpha F_s(X^T u_t, i_s)  for the source,

    and `orthogonality * ||X^T X - I||^2` joins the loss.

    Deviations: user and item vectors are learned by id, where the paper
    encodes features by autoencoders that were trained before. An id's vector
    knows its own domain alone, so what is mapped is the user's vector of the
    other domain, and it is read by the tower of the space it is mapped to;
    the paper maps this domain's vector and has the other network read it.
    Blending before a linear head is blending its logits. Both domains
    learn in one step, and the mapped part takes gradients, too. `X^T` is the
    way back, as in the paper; the authors' code has a map for each way, with
    a bias, and a penalty of 1e-6 on absolute deviations.
    """

    def __init__(
        self,
        sizes: JointSizes,
        embedding_size: int = 8,
        hidden: Sequence[int] = (64, 8),
        alpha: float = 0.03,
        orthogonality: float = 0.1,
        embedding_scale: float = EMBEDDING_SCALE,
        dropout: float = 0.0,
        *,
        name: str = "ddtcdr",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          sizes: of the tables.
          embedding_size: of a user's, an item's and a category's vector.
          hidden: width of every layer of a tower.
          alpha: share of the other domain's user vector, in [0, 1].
          orthogonality: factor of the penalty. Its curvature is 8 times that,
            and BIP's Neumann series needs less than 2.
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
            embedding_scale=embedding_scale,
            dropout=dropout,
            name=name,
            **kwargs,
        )
        check_hidden(hidden)
        _check(alpha, orthogonality)
        self.hidden = tuple(hidden)
        self.alpha = alpha
        self.orthogonality = orthogonality
        self.source_users, self.target_users = (
            self.user_table(f"{domain}_users")
            for domain in ("source", "target")
        )
        self.source_tower, self.target_tower = (
            [
                keras.layers.Dense(width, "relu", name=f"{domain}{index}")
                for index, width in enumerate(self.hidden, start=1)
            ]
            for domain in ("source", "target")
        )

    def build(self, input_shape: tf.TensorShape) -> None:
        self.mapping = self.add_weight(
            "mapping", [self.embedding_size] * 2, initializer="orthogonal"
        )
        super().build(input_shape)

    def call(
        self,
        user: tf.Tensor,
        source: Items,
        target: Items,
        seed: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As in `JointBackbone`."""
        source_users, target_users = (
            self.source_users(user),
            self.target_users(user),
        )
        to_target = tf.matmul(source_users, self.mapping, transpose_b=True)
        to_source = tf.matmul(target_users, self.mapping)  # rows: X^T u
        return (
            self._blend(
                self.source_tower,
                (source_users, to_source),
                self.source_features(source),
                seed,
                first_place=0,
            ),
            self._blend(
                self.target_tower,
                (target_users, to_target),
                self.target_features(target),
                seed,
                first_place=1,
            ),
        )

    def _blend(
        self,
        tower: Sequence[keras.layers.Layer],
        users: tuple[tf.Tensor, tf.Tensor],
        features: tf.Tensor,
        seed: tf.Tensor | None,
        *,
        first_place: int,
    ) -> tf.Tensor:
        """What a tower makes of the own and of the mapped user vector.

        Dropout leaves out the same of both.
        """
        own, mapped = (tf.concat([u, features], axis=-1) for u in users)
        for number, layer in enumerate(tower):
            place = 2 * number + first_place
            own, mapped = (
                layer(self.dropped(x, seed, place)) for x in (own, mapped)
            )
        return (1 - self.alpha) * own + self.alpha * mapped

    def penalty(self) -> tf.Tensor:
        """`orthogonality * ||X^T X - I||^2`, the squared Frobenius norm."""
        mapping = tf.convert_to_tensor(self.mapping)
        gram = tf.matmul(mapping, mapping, transpose_a=True)
        identity = tf.eye(self.embedding_size, dtype=gram.dtype)
        return self.orthogonality * tf.reduce_sum(tf.square(gram - identity))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "hidden": self.hidden,
            "alpha": self.alpha,
            "orthogonality": self.orthogonality,
        }


def _check(alpha: float, orthogonality: float) -> None:
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha should be in [0, 1], received {alpha}")
    if orthogonality < 0:
        raise ValueError(
            f"orthogonality should be >= 0, received {orthogonality}"
        )
