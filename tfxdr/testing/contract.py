"""What a kind of component promises, and how a promise is checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import Registry, Spec

Promise = Callable[[Spec], None]


class Contract:
    """The promises of one kind of component, in the order of their checks.

    A promise is a function of a `Spec` whose docstring says what is promised;
    it raises AssertionError where that does not hold.

    Args:
      registry: of the kind.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.promises: list[Promise] = []

    def promise(self, function: Promise) -> Promise:
        """Adds one; a decorator."""
        self.promises.append(function)
        return function

    def check(self, component: str) -> None:
        """Checks all promises of a registered component.

        Args:
          component: its name, with options if need be: `budget(blocks=2)`.

        Raises:
          InputError: the component is unknown, or refuses its options.
          AssertionError: a promise is broken; says which and how.
        """
        for promise in self.promises:
            self.check_promise(promise, component)

    def check_promise(self, promise: Promise, component: str) -> None:
        """Checks one of the promises; see `check`."""
        spec = self.registry.parse(component)
        try:
            promise(spec)
        except InputError:
            raise
        except Exception as error:  # noqa: BLE001  Raised again, with a label.
            promised = (promise.__doc__ or "").partition("\n")[0]
            raise AssertionError(
                f"{spec.kind} {spec} should keep this promise: {promised}\n"
                f"{type(error).__name__}: {error}"
            ) from error


def expect(condition: Any, otherwise: str) -> None:
    """Raises AssertionError with a sentence where a condition is false."""
    if not bool(condition):
        raise AssertionError(otherwise)


def expect_close(one: Any, other: Any, what: str, atol: float = 1e-4) -> None:
    """Two arrays have to be equal but for rounding."""
    np.testing.assert_allclose(one, other, atol=atol, rtol=1e-4, err_msg=what)


def expect_equal(one: Any, other: Any, what: str) -> None:
    """Two arrays, or lists of them, have to be equal to the bit."""
    tf.nest.map_structure(
        lambda a, b: np.testing.assert_array_equal(a, b, err_msg=what),
        one,
        other,
    )


def expect_gradients(gradients: Any, variables: Any, why: str) -> None:
    """Every variable has to have a finite gradient that is not all zero."""
    for gradient, variable in zip(gradients, variables, strict=True):
        expect(gradient is not None, f"{why}: none reaches {variable.name}")
        values = tf.convert_to_tensor(gradient).numpy()
        expect(
            np.isfinite(values).all(), f"{why}: {variable.name} is not finite"
        )
        expect(np.abs(values).max() > 0, f"{why}: {variable.name} gets zeros")


def expect_config(component: Any, spec: Spec) -> None:
    """A config has to hold every option, and make the component again."""
    config = component.get_config()
    again = type(component).from_config(config).get_config()
    expect(again == config, f"{config} became {again}")
    for option, value in spec.resolved().items():
        expect(
            option in config and _plain(config[option]) == _plain(value),
            f"get_config should hold {option}={value}: {config}",
        )


def expect_instance(made: Any, base: type) -> None:
    """What was registered has to make a thing of its kind."""
    expect(
        isinstance(made, base),
        f"it should be a tfxdr.{base.__name__}, it is a {type(made).__name__}",
    )


def expect_alone(
    answer: Callable[[slice], Any], num_rows: int, what: str
) -> None:
    """A row's answer has to be the same without the batch's other rows.

    Args:
      answer: maps a slice of the rows to an array, or arrays, with a row each.
      num_rows: of the batch.
      what: an answer is, for the message: `logits of a row`.
    """
    together = answer(slice(None))
    for row in range(num_rows):
        tf.nest.map_structure(
            lambda one, all_rows, row=row: expect_close(
                one[0], all_rows[row], f"{what} alone"
            ),
            answer(slice(row, row + 1)),
            together,
        )


def expect_compiled(
    call: Callable[..., Any], *inputs: Any, xla: bool = True, atol: float = 1e-4
) -> None:
    """A function has to give the same eagerly, in a graph and by XLA.

    Args:
      call: gives a tensor, or tensors, some of which may be `None`.
      *inputs: what it is called with.
      xla: whether XLA is asked too; its random numbers are others.
      atol: how far results may differ.
    """
    eager = call(*inputs)
    for jit in (False, True) if xla else (False,):
        where = "by XLA" if jit else "in a graph"
        compiled = tf.function(call, jit_compile=jit)(*inputs)
        for one, other in zip(
            tf.nest.flatten(compiled), tf.nest.flatten(eager), strict=True
        ):
            expect((one is None) == (other is None), f"{where}: one is none")
            if one is not None:
                one, other = map(tf.convert_to_tensor, (one, other))
                expect_close(one, other, where, atol)


def expect_repeated(run: Callable[[], Any], what: str) -> None:
    """Two runs from one start have to be equal to the bit."""
    one, other = run(), run()
    expect_equal(one, other, what)


def _plain(value: Any) -> Any:
    """Sequences as lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def with_dropout(spec: Spec) -> Spec | None:
    """The component with a dropout of a half; `None` if it takes none."""
    if "dropout" not in spec.resolved():
        return None
    return dataclasses.replace(spec, options={**spec.options, "dropout": 0.5})


def values_of(variables: Any) -> list[np.ndarray]:
    """Copies of variables."""
    return [variable.numpy() for variable in variables]
