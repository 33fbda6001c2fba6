"""Which positions of a history are read, where not all of them are."""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf


class Positions(NamedTuple):
    """The last position, and others before it at even distances.

    Of a history with fewer positions, those that it has.

    Attributes:
      number: how many.
      step: from one to the next; 0 where there is one alone.
    """

    number: int
    step: int

    @property
    def span(self) -> int:
        """From the first of them to the last one, both included."""
        return (self.number - 1) * self.step + 1

    def read_by(self, num_taps: int, dilation: int) -> Positions:
        """What a convolution reads to have its outputs at these positions.

        Where outputs lie further apart than the taps reach, there are
        positions among it that it does not read.
        """
        step = math.gcd(self.step, dilation)
        first = (self.number - 1) * self.step + (num_taps - 1) * dilation
        return Positions(first // step + 1, step)

    def of(
        self, values: tf.Tensor, given: Positions | None = None
    ) -> tf.Tensor:
        """Takes them out of others.

        Args:
          values: `[batch, positions, ...]`.
          given: the positions that are there, these among them; by default
            all of a history.
        """
        stride = self.stride_over(given)
        if stride == 1 and given is not None and self.number == given.number:
            return values
        values = tf.convert_to_tensor(values)
        length = tf.shape(values)[1]
        kept = tf.minimum(self.number, -(-length // stride))
        first = length - 1 - (kept - 1) * stride
        if stride > 1:
            return values[:, first::stride]
        # The gradient of this is a padding, which is cheaper than that of
        # indexing.
        rest = [0] * (values.shape.rank - 2)
        return tf.slice(values, [0, first, *rest], [-1] * values.shape.rank)

    def stride_over(self, given: Positions | None) -> int:
        """From one of these to the next, counted in those of `given`."""
        step = given.step if given is not None else 1
        return max(self.step // step, 1) if step else 1


LAST = Positions(1, 0)


def read_by_block(block: object, outputs: Positions) -> Positions | None:
    """What a block reads to have its outputs at these positions.

    None of a block that has no `reads`: it reads all there are.
    """
    reads = getattr(block, "reads", None)
    return None if reads is None else reads(outputs)
