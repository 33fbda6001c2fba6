"""The vectors of a domain's items and of their categories."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.types import FIRST_ITEM, Items

# Standard deviation of first vectors. On planted low-rank ratings joint models
# generalize the worse the larger the vectors start: from 0.1 on visibly, and 1
# (PyTorch's default, in the code of BIP's authors) learns the training rows by
# heart.
EMBEDDING_SCALE = 0.03


class DomainEmbedding(keras.layers.Layer):
    """Joins an item's vector with its category's.

    Id 0, none, has a row like any other: it is what a model reads for a user
    without an example in this domain.

    Args:
      num_items: size of the item table, reserved ids included.
      num_categories: size of the category table; 0 leaves categories out.
      size: of an item's vector, and of a category's.
      scale: standard deviation of first vectors.
      name: layer name.

    Raises:
      ValueError: if a number is out of range.
    """

    def __init__(
        self,
        num_items: int,
        num_categories: int = 0,
        size: int = 10,
        *,
        scale: float = EMBEDDING_SCALE,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for key, value, least in (
            ("num_items", num_items, 1),
            ("num_categories", num_categories, 0),
            ("embedding_size", size, 1),
        ):
            if value < least:
                raise ValueError(
                    f"{key} should be >= {least}, received {value}"
                )
        if not scale > 0:
            raise ValueError(
                f"embedding_scale should be above 0, received {scale}"
            )
        self.num_items = num_items
        self.num_categories = num_categories
        self.size = size
        self.scale = scale
        self.item = id_embedding(num_items, size, "item", scale)
        self.category = None
        if num_categories:
            self.category = id_embedding(
                num_categories, size, "category", scale
            )

    def call(self, items: Items) -> tf.Tensor:
        """Maps ids of any shape to `[..., size]`, or `[..., 2 * size]`."""
        features = self.item(items.item)
        if self.category is None:
            return features
        return tf.concat([features, self.category(items.category)], axis=-1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "num_categories": self.num_categories,
            "size": self.size,
            "scale": self.scale,
        }


def domain_embeddings(
    num_source_items: int,
    num_target_items: int,
    num_source_categories: int,
    num_target_categories: int,
    size: int,
    scale: float = EMBEDDING_SCALE,
) -> tuple[DomainEmbedding, DomainEmbedding]:
    """The embeddings of source and target, equally wide.

    Categories take part in both domains if one of them has any besides the
    reserved ids, so that layers can be shared between the domains.
    """
    categories = (num_source_categories, num_target_categories)
    if max(categories) <= FIRST_ITEM:
        categories = (0, 0)
    source, target = (
        DomainEmbedding(items, number, size, scale=scale, name=name)
        for name, items, number in (
            ("source", num_source_items, categories[0]),
            ("target", num_target_items, categories[1]),
        )
    )
    return source, target


def id_embedding(
    rows: int, size: int, name: str, scale: float = EMBEDDING_SCALE
) -> keras.layers.Embedding:
    """A table of `rows` vectors, whose first values deviate by `scale`."""
    return keras.layers.Embedding(
        rows,
        size,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=scale),
        name=name,
    )
