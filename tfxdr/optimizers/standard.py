"""Keras's optimizers."""

from __future__ import annotations

from tensorflow import keras

from tfxdr.registry import optimizers


@optimizers.register("adam")
def adam(
    learning_rate: object,
    weight_decay: float | None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam (Kingma and Ba 2015); with weight decay it is AdamW."""
    return keras.optimizers.Adam(
        learning_rate,
        beta_1,
        beta_2,
        epsilon,
        weight_decay=weight_decay,
        jit_compile=False,
    )


@optimizers.register("sgd")
def sgd(
    learning_rate: object, weight_decay: float | None, momentum: float = 0.0
) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent, with momentum if asked for."""
    return keras.optimizers.SGD(
        learning_rate, momentum, weight_decay=weight_decay, jit_compile=False
    )


@optimizers.register("adagrad")
def adagrad(
    learning_rate: object,
    weight_decay: float | None,
    initial_accumulator: float = 0.1,
) -> keras.optimizers.Optimizer:
    """Adagrad (Duchi et al. 2011)."""
    return keras.optimizers.Adagrad(
        learning_rate,
        initial_accumulator,
        weight_decay=weight_decay,
        jit_compile=False,
    )
