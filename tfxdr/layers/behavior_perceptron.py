"""What a source behavior's loss should weigh (BIP, Chen et al., WWW 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops import parts
from tfxdr.ops.attention import attend, split_heads


class HistorySummary(keras.layers.Layer):
    """Self-attention over a history, then the mean over its positions.

    Scaled dot-product attention of several heads; no layer has a bias.

    Args:
      num_heads: of the attention.
      head_size: width of a head.
      masked: whether padding takes no part: neither as a key nor in the
        mean, which is 0 for an empty history. The authors' code attends to
        padding and divides by the padded length, as does `False`.
      name: layer name.

    Raises:
      ValueError: if a number is below 1.
    """

    def __init__(
        self,
        num_heads: int = 4,
        head_size: int = 10,
        *,
        masked: bool = True,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        _check_positive("num_heads", num_heads)
        _check_positive("head_size", head_size)
        self.num_heads = num_heads
        self.head_size = head_size
        self.masked = masked
        width = num_heads * head_size
        self.query = _linear(width, "query")
        self.key = _linear(width, "key")
        self.value = _linear(width, "value")

    def build(self, input_shape: tf.TensorShape) -> None:
        self.output_projection = _linear(input_shape[-1], "output_projection")
        super().build(input_shape)

    def call(self, tokens: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Maps `[batch, length, f]` to `[batch, f]`.

        Args:
          tokens: of any length.
          mask: `[batch, length]` bool, true where an item is.
        """
        query, key, value = (
            split_heads(layer(tokens), self.num_heads, self.head_size)
            for layer in (self.query, self.key, self.value)
        )
        scores = tf.matmul(query, key, transpose_b=True)
        mixed = attend(
            scores * self.head_size**-0.5,
            value,
            ~mask[:, tf.newaxis, tf.newaxis] if self.masked else None,
        )
        real = tf.cast(mask, mixed.dtype)[..., tf.newaxis]
        outputs = self.output_projection(mixed) * real  # [batch, length, f]
        count = tf.reduce_sum(real if self.masked else real * 0 + 1, axis=1)
        return tf.reduce_sum(outputs, axis=1) / tf.maximum(count, 1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "head_size": self.head_size,
            "masked": self.masked,
        }


class BehaviorPerceptron(keras.layers.Layer):
    """Scores a candidate source behavior by the user's two histories.

    Every token is an item's features joined with the candidate's. Each
    history has a `HistorySummary` of its own; both go through a small network
    to one number, which is multiplied by a linear function of the candidate.
    As in the authors' code no gradient flows into the features through the
    tokens, but it does through that linear function.

    Attributes:
      prior: scalar, how much the source domain counts as a whole. It starts
        at 1, where behaviors that score alike make the mean of their losses.

    Args:
      num_heads: of each history's attention.
      head_size: width of a head.
      hidden: widths of the network's hidden layers.
      bound: of a log-importance, upwards and downwards, by a hyperbolic
        tangent; 0 is none, as in the authors' code. Without, learning can end
        with all weight on a few behaviors.
      masked: see `HistorySummary`; the authors' code is `False`.
      name: layer name.

    Raises:
      ValueError: if a number is below 1, or the bound below 0.
    """

    def __init__(
        self,
        num_heads: int = 4,
        head_size: int = 10,
        hidden: Sequence[int] = (32, 16),
        bound: float = 0.0,
        *,
        masked: bool = True,
        name: str = "behavior_perceptron",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for width in hidden:
            _check_positive("hidden", width)
        if not bound >= 0:
            raise ValueError(f"bound should be >= 0, received {bound}")
        self.num_heads = num_heads
        self.head_size = head_size
        self.hidden = tuple(hidden)
        self.bound = bound
        self.masked = masked
        self.source_summary, self.target_summary = (
            HistorySummary(
                num_heads, head_size, masked=masked, name=f"{domain}_summary"
            )
            for domain in ("source", "target")
        )
        self.network = [
            keras.layers.Dense(width, activation="relu", name=f"hidden{index}")
            for index, width in enumerate(self.hidden, start=1)
        ]
        self.network.append(keras.layers.Dense(1, name="log_importance"))
        self.item_transform = keras.layers.Dense(1, name="item_transform")

    def build(self, input_shape: tf.TensorShape) -> None:
        self.prior = self.add_weight("prior", [], initializer="ones")
        super().build(input_shape)

    def call(
        self,
        candidate: tf.Tensor,
        source_tokens: tf.Tensor,
        target_tokens: tf.Tensor,
        source_mask: tf.Tensor,
        target_mask: tf.Tensor,
    ) -> tf.Tensor:
        """The log-importance of each candidate, `[batch]`.

        A row's number does not depend on the other rows.

        Args:
          candidate: `[batch, f]`, features of the source example.
          source_tokens: `[batch, length, f]`, of the source history.
          target_tokens: `[batch, length, g]`, of the target history.
          source_mask: `[batch, length]` bool, true where an item is.
          target_mask: likewise.
        """
        summaries = [
            self.source_summary(_join(source_tokens, candidate), source_mask),
            self.target_summary(_join(target_tokens, candidate), target_mask),
        ]
        hidden = tf.concat(summaries, axis=-1)
        for layer in self.network:
            hidden = layer(hidden)
        found = tf.squeeze(hidden * self.item_transform(candidate), axis=-1)
        return bounded(found, self.bound)

    def weights_of(self, log_importance: tf.Tensor) -> tf.Tensor:
        """`relu(prior)` times the softmax over the batch, `[batch]`."""
        return share_out(self.prior, log_importance)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "head_size": self.head_size,
            "hidden": self.hidden,
            "bound": self.bound,
            "masked": self.masked,
        }


def bounded(log_importance: tf.Tensor, bound: float) -> tf.Tensor:
    """Log-importances between `-bound` and `bound`; 0 is no bound."""
    if not bound:
        return log_importance
    return bound * tf.tanh(log_importance / bound)


def share_out(prior: tf.Tensor, log_importance: tf.Tensor) -> tf.Tensor:
    """`relu(prior)` times the softmax over `[batch]` log-importances."""
    whole = tf.cast(tf.nn.relu(prior), log_importance.dtype)
    return whole * parts.softmax(log_importance)


def _join(features: tf.Tensor, candidate: tf.Tensor) -> tf.Tensor:
    """Tokens `[batch, length, g + f]` that carry no gradient."""
    length = tf.shape(features)[1]
    repeated = tf.repeat(candidate[:, tf.newaxis], length, axis=1)
    return tf.stop_gradient(tf.concat([features, repeated], axis=-1))


def _linear(width: int, name: str) -> keras.layers.Dense:
    return keras.layers.Dense(width, use_bias=False, name=name)


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} should be >= 1, received {value}")
