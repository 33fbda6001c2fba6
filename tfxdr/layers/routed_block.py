"""A residual block in two versions, mixed user by user."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops.own_gradients import has_own_gradients
from tfxdr.ops.positions import Positions, read_by_block
from tfxdr.ops.tracing import needs_autograph


class RoutedBlock(keras.layers.Layer):
    """`I F_tuned(E) + (1 - I) F_frozen(E)` of UAF Eq. 6.

    The skip connection stands outside, as for every block. With actions of
    exactly 0 or 1 the result is that of the one mapping, to the bit.

    A mapping is a block of a backbone, or any Keras layer; `mask` and `seed`
    go to one whose `call` takes them.

    Args:
      frozen: the pre-trained mapping; it never changes.
      tuned: its twin, which is trained.
      hard: whether actions are 0 or 1 at inference: each row then goes
        through one mapping alone, where otherwise it goes through both.
      hard_in_training: whether they are so in training, too, and have no
        gradient: there, too, each row goes through one mapping, if neither
        draws (`draws`). Dropout would be another one for other rows.
      name: layer name.
    """

    def __init__(
        self,
        frozen: keras.layers.Layer,
        tuned: keras.layers.Layer,
        *,
        hard: bool = False,
        hard_in_training: bool = False,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        frozen.trainable = False
        self.frozen = frozen
        self.tuned = tuned
        self.hard = hard
        self.hard_in_training = hard_in_training
        self._frozen, self._tuned = _mapping(frozen), _mapping(tuned)
        autograph = needs_autograph(frozen, tuned)
        self._ways = [
            _one_op(
                lambda hidden, action, mask, outputs: self._frozen(
                    hidden, mask, outputs=outputs
                ),
                autograph,
            ),
            _one_op(
                lambda hidden, action, mask, outputs: self._tuned(
                    hidden, mask, outputs=outputs
                ),
                autograph,
            ),
            _one_op(self._split, autograph),
        ]

    def call(
        self,
        hidden: tf.Tensor,
        action: tf.Tensor,
        mask: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        outputs: Positions | None = None,
    ) -> tf.Tensor:
        """Maps `[batch, length, d]` to the same shape.

        Args:
          hidden: the block's input.
          action: `[batch]` in [0, 1]; 1 takes the tuned mapping.
          mask: `[batch, length]` bool, true where an item is.
          seed: `[2]` int32 of dropout, the same in both; `None` at inference.
          outputs: the positions that will be read; the input then holds those
            of `reads(outputs)` alone. By default all.
        """
        if self._takes_one_way(training=seed is not None):
            # A straight-through estimator's 1 may lie below 1 by rounding.
            tuned = tf.cast(tf.cast(action, tf.float32) >= 0.5, tf.int32)
            # In training all rows hardly ever take the same way, and a switch
            # would keep what both of its sides need for their gradients.
            route = self._route if seed is None else self._split_rows
            return route(hidden, tuned, mask, outputs)
        # [batch, 1, 1]
        share = tf.cast(action, hidden.dtype)[:, tf.newaxis, tf.newaxis]
        tuned = self._tuned(hidden, mask, seed, outputs)
        frozen = self._frozen(hidden, mask, seed, outputs)
        return share * tuned + (1.0 - share) * frozen

    def reads(self, outputs: Positions) -> Positions | None:
        """As the block, if both mappings can leave positions out."""
        found = {
            read_by_block(block, outputs) for block in (self.frozen, self.tuned)
        }
        return found.pop() if len(found) == 1 else None

    def _takes_one_way(self, *, training: bool) -> bool:
        if not training:
            return self.hard
        draws = any(
            getattr(layer, "draws", True) for layer in (self.frozen, self.tuned)
        )
        return self.hard_in_training and not draws

    def _route(
        self,
        hidden: tf.Tensor,
        action: tf.Tensor,
        mask: tf.Tensor | None,
        outputs: Positions | None,
    ) -> tf.Tensor:
        """Each row through the mapping that its action names."""
        mask = _all_real(hidden) if mask is None else mask
        # All frozen is 0, all tuned is 1, both is 2.
        way = 2 * tf.reduce_max(action) - tf.reduce_min(action)
        output = tf.switch_case(
            way,
            [
                lambda run=run: run(hidden, action, mask, outputs)
                for run in self._ways
            ],
        )
        return _shaped_as(hidden, output, outputs)

    def _split_rows(
        self,
        hidden: tf.Tensor,
        action: tf.Tensor,
        mask: tf.Tensor | None,
        outputs: Positions | None,
    ) -> tf.Tensor:
        """As `_route`, without looking whether all rows go one way."""
        mask = _all_real(hidden) if mask is None else mask
        output = self._split(hidden, action, mask, outputs)
        return _shaped_as(hidden, output, outputs)

    def _split(
        self,
        hidden: tf.Tensor,
        action: tf.Tensor,
        mask: tf.Tensor,
        outputs: Positions | None,
    ) -> tf.Tensor:
        """Both mappings, each on its own rows."""
        rows, inputs, masks = (
            tf.dynamic_partition(values, action, 2)
            for values in (tf.range(tf.shape(hidden)[0]), hidden, mask)
        )
        results = [
            mapping(part, known, outputs=outputs)
            for mapping, part, known in zip(
                (self._frozen, self._tuned), inputs, masks, strict=True
            )
        ]
        return tf.dynamic_stitch(rows, results)


def _all_real(hidden: tf.Tensor) -> tf.Tensor:
    return tf.ones(tf.shape(hidden)[:2], tf.bool)


def _shaped_as(
    hidden: tf.Tensor, output: tf.Tensor, outputs: Positions | None
) -> tf.Tensor:
    """What is known of the shape, which stitching rows forgets."""
    length = hidden.shape[1] if outputs is None else None
    return tf.ensure_shape(output, [hidden.shape[0], length, *hidden.shape[2:]])


def _mapping(layer: keras.layers.Layer) -> Callable[..., tf.Tensor]:
    """A layer as a function of hidden vectors and what it takes beside them."""
    parameters = inspect.signature(layer.call).parameters
    anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    taken = [n for n in ("mask", "seed") if anything or n in parameters]

    def mapping(
        hidden: tf.Tensor,
        mask: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        outputs: Positions | None = None,
    ) -> tf.Tensor:
        given = {"mask": mask, "seed": seed}
        options = {name: given[name] for name in taken}
        if outputs is not None:
            options["outputs"] = outputs
        return layer(hidden, **options)

    return mapping


def _one_op(
    call: Callable[..., tf.Tensor], autograph: bool
) -> Callable[..., tf.Tensor]:
    """A function that a graph keeps as one op: not taken, it costs one.

    What was traced with gradients of our own is not for graphs without them.
    """
    ops = {}
    for own_gradients in (True, False):
        op = tf.function(
            call,
            reduce_retracing=True,
            autograph=autograph,
            experimental_attributes={"_noinline": True},
        )
        # TensorFlow counts traces by the place in the code: it takes the blocks
        # of several models for one function that is traced again and again,
        # and warns.
        op._omit_frequent_tracing_warning = True
        ops[own_gradients] = op
    return lambda *inputs: ops[has_own_gradients()](*inputs)


def twin(block: keras.layers.Layer, width: int) -> keras.layers.Layer:
    """A block of the same options and weights, with variables of its own.

    Args:
      block: built.
      width: of its input.
    """
    config = block.get_config()
    copy = type(block).from_config(config | {"name": f"{block.name}_tuned"})
    copy(tf.zeros([1, 1, width]))
    copy.set_weights(block.get_weights())
    return copy
