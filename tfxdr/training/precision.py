"""Products of matrices in fewer bits, in training steps alone.

TensorFlow's graph rewriter puts casts around the products and convolutions of
a step, forward and backward; nothing in a model knows of it. Sums, norms,
softmaxes, losses, weights and optimizers stay in float32, though what a product
reads may be kept rounded; and so does all that is not a training step:
validation, evaluation, what is exported.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.ops.tracing import graph_of

NONE = "none"
_REWRITER = {"bfloat16": "auto_mixed_precision_onednn_bfloat16"}
# The rewriter's own lists let everything between two products follow them; of
# these, only the bias of a product may. It reads this variable as it begins.
_LIST = "TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_INFERLIST_REMOVE"
_STAY = (
    "Add,AddN,AddV2,AvgPool,AvgPoolGrad,Div,DivNoNan,Elu,EluGrad,Erf,FloorDiv,"
    "FusedBatchNormV2,FusedBatchNormV3,FusedBatchNormGradV2,"
    "FusedBatchNormGradV3,Inv,LeakyRelu,LeakyReluGrad,Log,Log1p,LogSoftmax,"
    "Mean,Mul,Pow,Prod,RealDiv,Reciprocal,Rsqrt,RsqrtGrad,Selu,SeluGrad,"
    "Sigmoid,SigmoidGrad,Softmax,SoftmaxGrad,Softplus,SoftplusGrad,Softsign,"
    "SoftsignGrad,Sqrt,SqrtGrad,Square,SquaredDifference,Sub,Sum,Tanh,TanhGrad"
)

_current = NONE


def current() -> str:
    """In what this process's training steps compute products."""
    return _current


@contextlib.contextmanager
def chosen(precision: str) -> Iterator[None]:
    """Training steps inside have their products in it.

    Args:
      precision: `none` for float32, or `bfloat16`.

    Raises:
      InputError: TensorFlow has no such products on this machine.
    """
    global _current
    _current = precision
    try:
        if precision != NONE and not _is_rewritten():
            raise InputError(
                f"--mixed_precision={precision}: expected a processor with "
                "AVX-512 and TensorFlow's oneDNN, found no product that is "
                "rounded to it: leave the option out"
            )
        yield
    finally:
        _current = NONE


@contextlib.contextmanager
def of_steps(precision: str = "") -> Iterator[None]:
    """Graphs that are called inside are rewritten.

    Args:
      precision: to what; by default what was chosen.
    """
    precision = precision or _current
    if precision == NONE:
        yield
        return
    before = os.environ.get(_LIST)
    os.environ[_LIST] = _STAY
    rewriter = _REWRITER[precision]
    tf.config.optimizer.set_experimental_options({rewriter: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({rewriter: False})
        if before is None:
            del os.environ[_LIST]
        else:
            os.environ[_LIST] = before


def _is_rewritten() -> bool:
    """Whether a product loses what only float32 can hold.

    It is large enough for the rewriter, which leaves small graphs alone.
    """
    fine = tf.fill([32, 32], 1.0 + 2.0**-12)
    unit = tf.eye(32)

    def products(x: tf.Tensor) -> tf.Tensor:
        for _ in range(4):
            x = tf.matmul(x, unit)
        return x

    with of_steps():
        return bool(tf.reduce_any(graph_of(products)(fine) != fine))
