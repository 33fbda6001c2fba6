"""What a source behavior's loss should weigh (BIP, Chen et al., WWW 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops import parts
from tfxdr.ops.pooled_attention import pooled_attention


class HistorySummary(keras.layers.Layer):
    """Self-attention over a history, then the mean over its positions.

    Scaled dot-product attention of several heads over tokens, an item's
    features joined with the candidate's; no layer has a bias. Tokens are not
    made, nor are keys, values and outputs of positions. What they come to:

    - the candidate's part of the keys adds the same to all scores of a query,
      so that the softmax does not see it;
    - weights sum to 1, so that every position has the candidate's part of the
      values;
    - the mean over positions comes before the values, which are linear.

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

    def build(self, input_shape: Sequence[tf.TensorShape]) -> None:
        items, candidate = input_shape
        width = items[-1] + candidate[-1]
        self.output_projection = _linear(width, "output_projection")
        for layer in (self.query, self.key, self.value):
            layer.build([None, width])
        self.output_projection.build([None, self.num_heads * self.head_size])
        super().build(input_shape)

    def call(
        self, inputs: tuple[tf.Tensor, tf.Tensor], mask: tf.Tensor
    ) -> tf.Tensor:
        """Maps a history and a candidate to `[batch, g + f]`.

        Args:
          inputs: features of the items, `[batch, length, g]`, of any length,
            and of the candidate, `[batch, f]`.
          mask: `[batch, length]` bool, true where an item is.
        """
        items, candidate = inputs
        real = tf.cast(mask, items.dtype)
        if not self.masked:
            visible = tf.ones_like(real)
            length = tf.cast(tf.shape(real)[1], real.dtype)
            return self._summary(items, candidate, visible, real / length)
        rows = tf.where(tf.reduce_any(mask, axis=1))  # [rows, 1]
        items, candidate, real = (
            tf.gather(x, rows[:, 0]) for x in (items, candidate, real)
        )
        shares = real / tf.reduce_sum(real, axis=1, keepdims=True)
        found = self._summary(items, candidate, real, shares)
        shape = tf.stack([tf.shape(mask)[0], found.shape[1]])
        return tf.scatter_nd(rows, found, tf.cast(shape, rows.dtype))

    def _summary(
        self,
        items: tf.Tensor,
        candidate: tf.Tensor,
        visible: tf.Tensor,
        shares: tf.Tensor,
    ) -> tf.Tensor:
        """Of histories with something to see; see `pooled_attention`."""
        heads, width = self.num_heads, items.shape[-1]
        query, key, value = (
            tf.reshape(layer.kernel, [-1, heads, self.head_size])
            for layer in (self.query, self.key, self.value)
        )
        # A token's query against the items' part of the keys.
        scale = self.head_size**-0.5
        kernel = tf.einsum("fhd,ghd->fhg", query * scale, key[:width])
        kernel = tf.reshape(kernel, [-1, heads * width])
        of_items = tf.reshape(items, [-1, width]) @ kernel[:width]
        queries = tf.reshape(
            of_items, [-1, tf.shape(items)[1], heads * width]
        ) + tf.expand_dims(candidate @ kernel[width:], 1)
        queries = tf.reshape(queries, [-1, tf.shape(items)[1], heads, width])
        seen = pooled_attention(queries, items, visible, shares)
        output = tf.reshape(
            self.output_projection.kernel, [heads, self.head_size, -1]
        )
        kernel = tf.einsum("fhd,hdo->hfo", value, output)
        from_items = tf.reshape(kernel[:, :width], [heads * width, -1])
        from_candidate = tf.reduce_sum(kernel[:, width:], axis=0)
        share = tf.reduce_sum(shares, axis=1, keepdims=True)
        return tf.reshape(seen, [-1, heads * width]) @ from_items + share * (
            candidate @ from_candidate
        )

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
        source, target, item = map(
            tf.stop_gradient, (source_tokens, target_tokens, candidate)
        )
        summaries = [
            self.source_summary((source, item), source_mask),
            self.target_summary((target, item), target_mask),
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


def _linear(width: int, name: str) -> keras.layers.Dense:
    return keras.layers.Dense(width, use_bias=False, name=name)


def _check_positive(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} should be >= 1, received {value}")
