"""Hypergradients by implicit differentiation.

Where the lower level has converged, `dL_low/dtheta = 0` defines the inner
variables theta as a function of the outer ones phi, and (Lorraine et al. 2020,
"Optimizing millions of hyperparameters by implicit differentiation")

    dL_up/dphi = direct - p^T d2L_low/(dtheta dphi),  H p = dL_up/dtheta

where `H = d2L_low/dtheta2` and `direct` is what the upper loss itself owes to
phi. A solver finds `p` from products with `H` alone.

Of a variable whose lower gradient is sparse (an embedding's), `H` and the
mixed derivative are zero outside the rows that the lower loss reads. All is
computed on these rows: exact, at a cost that does not grow with the table.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import tensorflow as tf

Gradient: TypeAlias = tf.Tensor | tf.IndexedSlices | None
Product = Callable[[list[tf.Tensor]], list[tf.Tensor]]


class Solver(Protocol):
    """Finds `p` with `H p = v`, or near it."""

    def solve(
        self, product: Product, vector: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Solves for one vector.

        Args:
          product: maps a list of tensors `p` to `H p`, of the same shapes.
          vector: `v`.

        Returns:
          `p`, shaped like `v`.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Neumann:
    """A truncated Neumann series.

        v_0 = v;  v_k = v_{k-1} - alpha H v_{k-1};  p = alpha sum_{k<=K} v_k

    It converges if all eigenvalues of `H` lie in (0, 2 / alpha). Along one of
    eigenvalue `h` the relative error is then `(1 - alpha h)^(K + 1)`. It
    equals K + 1 unrolled steps of gradient descent at the learning rate
    alpha, from where the lower level stands.

    Attributes:
      terms: K, how many follow the first.
      alpha: step size.
      scale_by_alpha: whether the sum is multiplied by alpha, as it should be.
        BIP's authors leave it out; with their alpha, 1, it is the same.
    """

    terms: int = 3
    alpha: float = 1.0
    scale_by_alpha: bool = True

    def __post_init__(self) -> None:
        _check("terms", self.terms, self.terms >= 0, "0 or more")
        _check("alpha", self.alpha, self.alpha > 0, "above 0")

    def solve(
        self, product: Product, vector: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """See `Solver`."""

        def add_term(step, term, total):
            term = _add(term, -self.alpha, product(term))
            return step + 1, term, _add(total, 1.0, term)

        _, _, total = tf.while_loop(
            lambda step, *_: step < self.terms,
            add_term,
            [tf.constant(0), vector, vector],
        )
        scale = self.alpha if self.scale_by_alpha else 1.0
        return [scale * x for x in total]


@dataclasses.dataclass(frozen=True)
class ConjugateGradient:
    """Conjugate gradients on `(H + damping) p = v`, from 0.

    The matrix has to be positive definite. Where a direction of curvature 0
    or less turns up, the steps end: `p` is what they came to, or `v` if it was
    the first (as in truncated Newton methods), a Neumann series of no terms.

    Attributes:
      max_steps: bound of the steps; each is one product with `H`.
      tolerance: they end when the residual's norm is at most this share of
        the norm of `v`.
      damping: added to the diagonal.
    """

    max_steps: int = 10
    tolerance: float = 1e-5
    damping: float = 0.0

    def __post_init__(self) -> None:
        _check("max_steps", self.max_steps, self.max_steps >= 1, "1 or more")
        for name in ("tolerance", "damping"):
            value = getattr(self, name)
            _check(name, value, value >= 0, "0 or more")

    def solve(
        self, product: Product, vector: list[tf.Tensor]
    ) -> list[tf.Tensor]:
        """See `Solver`."""
        square = _dot(vector, vector)
        enough = self.tolerance**2 * square

        def goes_on(step, solution, residual, direction, square, convex):
            del solution, residual, direction
            return (step < self.max_steps) & (square > enough) & convex

        def advance(step, solution, residual, direction, square, convex):
            image = _add(product(direction), self.damping, direction)
            curvature = _dot(direction, image)
            convex = curvature > 0
            first = tf.cast(step == 0, square.dtype)
            length = tf.where(convex, square / curvature, first)
            solution = _add(solution, length, direction)
            residual = _add(residual, -length, image)
            new_square = _dot(residual, residual)
            direction = _add(residual, new_square / square, direction)
            return step + 1, solution, residual, direction, new_square, convex

        nothing = [tf.zeros_like(x) for x in vector]
        state = [tf.constant(0), nothing, vector, vector, square]
        return tf.while_loop(goes_on, advance, [*state, tf.constant(True)])[1]


def hypergradient(
    lower_loss: Callable[[], tf.Tensor],
    upper_loss: Callable[[], tf.Tensor],
    inner: Sequence[tf.Variable],
    outer: Sequence[tf.Variable],
    *,
    solver: Solver,
) -> list[tf.Tensor]:
    """Gradient of the upper loss by the outer variables, through the inner.

    A table is handled by rows if the losses read it by lookups alone: its
    gradient is `tf.IndexedSlices` then. One that is read whole, as by a
    penalty, or through a `tf.function` of the caller's, is handled whole.

    Args:
      lower_loss: computes a scalar from inner and outer variables.
      upper_loss: computes a scalar from the inner variables, and from outer
        ones if it likes.
      inner: theta, where the lower loss has its minimum, or nearly.
      outer: phi; their gradients are dense.
      solver: finds `p` from products with the lower loss's Hessian.

    Returns:
      One tensor for each outer variable, of its shape; zeros where neither
      loss depends on it.
    """
    inner, outer = list(inner), list(outer)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([*inner, *outer])
        loss = upper_loss()
    by_inner, by_outer = tape.gradient(loss, (inner, outer))
    direct = [
        _dense(gradient, variable)
        for gradient, variable in zip(by_outer, outer, strict=True)
    ]
    lower = _LowerLevel(lower_loss, inner, outer)
    if not lower.parts:
        return direct
    inverse = solver.solve(lower.hessian_product, lower.compact(by_inner))
    return _add(direct, -1.0, lower.mixed_product(inverse))


class _LowerLevel:
    """Second derivatives of the lower loss.

    Attributes:
      parts: of the inner variables that the loss depends on, what it reads.
    """

    def __init__(
        self,
        loss: Callable[[], tf.Tensor],
        inner: list[tf.Variable],
        outer: list[tf.Variable],
    ) -> None:
        self._inner = inner
        self._outer = outer
        # Persistent: every product differentiates the same gradient again.
        with tf.GradientTape(
            persistent=True, watch_accessed_variables=False
        ) as self._tape:
            self._tape.watch([*inner, *outer])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(inner)
                value = loss()
            gradients = tape.gradient(value, inner)
        self.parts = [
            _Part.of(variable, gradient)
            for variable, gradient in zip(inner, gradients, strict=True)
            if gradient is not None
        ]
        self._is_read = [gradient is not None for gradient in gradients]

    def compact(self, gradients: Sequence[Gradient]) -> list[tf.Tensor]:
        """Reduces gradients by the inner variables to the parts."""
        read = itertools.compress(gradients, self._is_read)
        return [
            part.compact(gradient)
            for part, gradient in zip(self.parts, read, strict=True)
        ]

    def hessian_product(self, vector: list[tf.Tensor]) -> list[tf.Tensor]:
        """`H vector`, both with one tensor for each part."""
        return self.compact(self._differentiate(vector, self._inner))

    def mixed_product(self, vector: list[tf.Tensor]) -> list[tf.Tensor]:
        """`vector^T d2L_low/(dtheta dphi)`, one for each outer variable."""
        gradients = self._differentiate(vector, self._outer)
        return [
            _dense(gradient, variable)
            for gradient, variable in zip(gradients, self._outer, strict=True)
        ]

    def _differentiate(
        self, vector: list[tf.Tensor], variables: list[tf.Variable]
    ) -> list[Gradient]:
        return self._tape.gradient(
            [part.gradient for part in self.parts],
            variables,
            output_gradients=[
                part.expand(x)
                for part, x in zip(self.parts, vector, strict=True)
            ],
        )


class _Part(NamedTuple):
    """What the lower loss reads of a variable.

    Attributes:
      variable: the whole.
      gradient: of the lower loss: as the variable, or `[slices, ...]`.
      rows: `[rows]` int64, the distinct ones; none: the variable is dense.
      place: `[slices]` int32, the index in `rows` of each slice.
    """

    variable: tf.Variable
    gradient: tf.Tensor
    rows: tf.Tensor | None = None
    place: tf.Tensor | None = None

    @classmethod
    def of(
        cls, variable: tf.Variable, gradient: tf.Tensor | tf.IndexedSlices
    ) -> _Part:
        if not isinstance(gradient, tf.IndexedSlices):
            return cls(variable, gradient)
        indices = tf.cast(gradient.indices, tf.int64)
        return cls(variable, gradient.values, *tf.unique(indices))

    def expand(self, vector: tf.Tensor) -> tf.Tensor:
        """From the part's shape to that of `gradient`."""
        if self.rows is None:
            return vector
        return tf.gather(vector, self.place)

    def compact(self, gradient: Gradient) -> tf.Tensor:
        """From any gradient by the variable to the part's shape.

        Rows that the lower loss does not read are left out: no derivative of
        it can see them.
        """
        if self.rows is None:
            return _dense(gradient, self.variable)
        shape = self.variable.shape[1:]
        if gradient is None:
            num_rows = tf.shape(self.rows)
            return tf.zeros(
                tf.concat([num_rows, shape], 0), self.variable.dtype
            )
        if not isinstance(gradient, tf.IndexedSlices):
            return tf.gather(gradient, self.rows)
        num_rows = tf.size(self.rows)
        indices = tf.cast(gradient.indices, tf.int64)
        # Known rows come first, so each keeps its index among the distinct.
        place = tf.unique(tf.concat([self.rows, indices], 0)).idx[num_rows:]
        # A negative segment is dropped.
        place = tf.where(place < num_rows, place, -1)
        rows = tf.math.unsorted_segment_sum(gradient.values, place, num_rows)
        return tf.ensure_shape(rows, [None, *shape])


def _dense(gradient: Gradient, variable: tf.Variable) -> tf.Tensor:
    if gradient is None:
        return tf.zeros_like(variable)
    return tf.ensure_shape(tf.convert_to_tensor(gradient), variable.shape)


def _add(
    left: Sequence[tf.Tensor],
    factor: float | tf.Tensor,
    right: Sequence[tf.Tensor],
) -> list[tf.Tensor]:
    return [a + factor * b for a, b in zip(left, right, strict=True)]


def _dot(left: Sequence[tf.Tensor], right: Sequence[tf.Tensor]) -> tf.Tensor:
    pairs = zip(left, right, strict=True)
    return tf.add_n([tf.reduce_sum(a * b) for a, b in pairs])


def _check(name: str, value: float, is_right: bool, expected: str) -> None:
    if not is_right:
        raise ValueError(f"{name} should be {expected}. Received: {value}")
