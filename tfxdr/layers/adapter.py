"""PeterRec's adapters (Yuan et al., SIGIR 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops.positions import Positions, read_by_block


class Adapter(keras.layers.Layer):
    """A bottleneck `A(x) = up(gelu(down(x)))` beside a sub-layer.

    With x the sub-layer's input and c its output, what goes on is
    `c + A(c)` (serial) or `c + x + A(x)` (parallel), as in the authors' code.
    GELU is its tanh form there, too.

    Args:
      channels: width in and out.
      reduction: the bottleneck is `channels / reduction` wide, at least 1.
      parallel: whether it reads the input instead of the output.
      name: layer name.

    Raises:
      ValueError: if a number is below 1.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 4,
        *,
        parallel: bool = False,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for key, value in (("channels", channels), ("reduction", reduction)):
            if value < 1:
                raise ValueError(f"{key} should be >= 1, received {value}")
        self.channels = channels
        self.reduction = reduction
        self.parallel = parallel
        self.down = self._dense("down", max(1, channels // reduction))
        self.up = self._dense("up", channels)

    def _dense(self, name: str, width: int) -> keras.layers.Dense:
        return keras.layers.Dense(
            width,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name=name,
        )

    def call(self, inputs: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """What takes the place of the output; all `[batch, length, d]`."""
        read = inputs if self.parallel else output
        change = self.up(tf.nn.gelu(self.down(read), approximate=True))
        return output + inputs + change if self.parallel else output + change

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "reduction": self.reduction,
            "parallel": self.parallel,
        }


class AdaptedBlock(keras.layers.Layer):
    """A pre-trained block with adapters.

    Only the adapters and the block's layer norms can be trained.

    Args:
      block: the mapping, which has room for the adapters.
      adapters: one for each place in it.
      name: layer name.
    """

    def __init__(
        self,
        block: keras.layers.Layer,
        adapters: Sequence[Adapter],
        *,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.block = block
        self.adapters = list(adapters)
        block.trainable = True
        for layer in leaves(block):
            layer.trainable = isinstance(layer, keras.layers.LayerNormalization)

    @property
    def draws(self) -> bool:
        """As the block: adapters have no dropout."""
        return getattr(self.block, "draws", True)

    def reads(self, outputs: Positions) -> Positions | None:
        """As the block: adapters see single positions."""
        return read_by_block(self.block, outputs)

    def call(
        self,
        hidden: tf.Tensor,
        mask: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        outputs: Positions | None = None,
    ) -> tf.Tensor:
        """As the block's own `call`."""
        options = {} if outputs is None else {"outputs": outputs}
        return self.block(
            hidden, mask=mask, seed=seed, adapters=self.adapters, **options
        )


def leaves(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers inside, at any depth, that hold no further layer."""
    return [part for part in _inside(layer) if not _inside(part)]


def _inside(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    return [
        part
        for part in layer.submodules
        if isinstance(part, keras.layers.Layer)
    ]
