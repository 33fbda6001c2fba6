"""Matrix factorization, what a joint model has to beat."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.backbones.base import JointBackbone
from tfxdr.layers.domain_embedding import EMBEDDING_SCALE, id_embedding
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes


@backbones.register("mf")
class MatrixFactorization(JointBackbone):
    """Biases, and the product of a user's and an item's vector.

    The head of a domain reads the element-wise product of the two vectors and
    the sum of both biases, so that its logit is a weighted inner product with
    biases (Koren et al. 2009, "Matrix factorization techniques for recommender
    systems"; weighted as in He et al. 2017, "Neural collaborative filtering",
    GMF). By default the target domain learns alone. `shared=true` factorizes
    both, with one vector for a user (Singh and Gordon 2008, "Relational
    learning via collective matrix factorization"). Categories take no part.
    """

    def __init__(
        self,
        sizes: JointSizes,
        embedding_size: int = 10,
        shared: bool = False,
        embedding_scale: float = EMBEDDING_SCALE,
        dropout: float = 0.0,
        *,
        name: str = "mf",
        **kwargs,
    ) -> None:
        """Makes the tables.

        Args:
          sizes: of the tables.
          embedding_size: of a user's and an item's vector.
          shared: factorizes the source domain, too, with the same users.
          embedding_scale: standard deviation of first vectors.
          dropout: of the product, in training.
          name: layer name.

        Raises:
          ValueError: if an option is out of range.
        """
        super().__init__(
            sizes,
            embedding_size,
            uses_source=shared,
            embedding_scale=embedding_scale,
            dropout=dropout,
            name=name,
            **kwargs,
        )
        self.shared = shared
        self.user_embedding = self.user_table("user")
        self.target_biases = self._biases("target", self.sizes.target_items)
        if shared:
            self.source_biases = self._biases("source", self.sizes.source_items)

    def _biases(self, domain: str, num_items: int) -> list:
        """Of users and items; they start small, as vectors do."""
        return [
            id_embedding(rows, 1, f"{domain}_{what}_bias")
            for what, rows in (("user", self.sizes.users), ("item", num_items))
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

        def read(vectors: tf.Tensor, biases: list, ids: tf.Tensor, place: int):
            of_user, of_item = biases
            product = self.dropped(users * vectors, seed, place)
            return tf.concat([product, of_user(user) + of_item(ids)], axis=-1)

        found = read(
            self.target_features(target), self.target_biases, target.item, 0
        )
        if not self.uses_source:
            return tf.zeros_like(found), found
        other = read(
            self.source_features(source), self.source_biases, source.item, 1
        )
        return other, found

    def source_features(self, items: Items) -> tf.Tensor:
        """The vectors of items alone, `[..., embedding_size]`.

        Raises:
          ValueError: if the source domain takes no part.
        """
        if self.source_embedding is None:
            return super().source_features(items)
        return self.source_embedding.item(items.item)

    def target_features(self, items: Items) -> tf.Tensor:
        """The vectors of items alone, `[..., embedding_size]`."""
        return self.target_embedding.item(items.item)

    def get_config(self) -> dict:
        return {**super().get_config(), "shared": self.shared}
