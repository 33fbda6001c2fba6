"""Optimizers of tensorflow-addons: `--optimizer=lamb`.

They are Keras optimizers as these were before Keras 2.11; `legacy` gives them
the interface of today's. Some wrap an `inner` one: Keras's Adam, its SGD with
momentum 0.9, as in the papers on averages, or LAMB or RectifiedAdam from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tfxdr.errors import InputError
from tfxdr.registry import optimizers  # tfxdr.optimizers takes TensorFlow
from tfxdr_addons.needed import addons

if TYPE_CHECKING:
    from tfxdr.optimizers.schedule import WarmupDecay
    from tfxdr.training.parameters import Parameters
    from tfxdr_addons.legacy import Averaging, Legacy, Multi

Inner = Literal["adam", "sgd", "lamb", "radam"]
# Without momentum, SGD fails inside Lookahead where gradients are sparse.
_MOMENTUM = 0.9


@optimizers.register("lamb")
def lamb(
    learning_rate: WarmupDecay,
    weight_decay: float | None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-6,
) -> Legacy:
    """LAMB (You et al. 2020), for large batches.

    Raises:
      InputError: if tensorflow-addons is not installed.
    """
    found = addons("--optimizer=lamb").optimizers
    return _legacy(
        found.LAMB(learning_rate, beta_1, beta_2, epsilon, weight_decay or 0.0)
    )


@optimizers.register("radam")
def radam(
    learning_rate: WarmupDecay,
    weight_decay: float | None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> Legacy:
    """Rectified Adam (Liu et al. 2020): a warm-up of its own.

    Raises:
      InputError: if tensorflow-addons is not installed.
    """
    found = addons("--optimizer=radam").optimizers
    return _legacy(
        found.RectifiedAdam(
            learning_rate, beta_1, beta_2, epsilon, weight_decay or 0.0
        )
    )


@optimizers.register("lookahead")
def lookahead(
    learning_rate: WarmupDecay,
    weight_decay: float | None,
    inner: Inner = "adam",
    sync_period: int = 6,
    slow_step_size: float = 0.5,
) -> Legacy:
    """Lookahead (Zhang et al. 2019): some steps on, and a part of them back.

    Args:
      learning_rate: of the inner optimizer.
      weight_decay: likewise.
      inner: the optimizer that goes on.
      sync_period: its steps until it is taken back.
      slow_step_size: the part of the way that is kept, in [0, 1].

    Raises:
      InputError: if tensorflow-addons is not installed, or the inner optimizer
        has no weight decay.
      ValueError: if an option is out of range.
    """
    _check_positive("sync_period", sync_period)
    _check_share("slow_step_size", slow_step_size)
    found = addons("--optimizer=lookahead").optimizers
    optimizer = _inner("lookahead", inner, learning_rate, weight_decay)
    return _legacy(found.Lookahead(optimizer, sync_period, slow_step_size))


@optimizers.register("moving-average")
def moving_average(
    learning_rate: WarmupDecay,
    weight_decay: float | None,
    inner: Inner = "adam",
    decay: float = 0.99,
    start: int = 0,
) -> Averaging:
    """A moving average of the weights is what is judged and served.

    Args:
      learning_rate: of the inner optimizer.
      weight_decay: likewise.
      inner: the optimizer that moves the weights.
      decay: of the average, at each step, in [0, 1].
      start: the step at which averaging begins.

    Raises:
      InputError: if tensorflow-addons is not installed, or the inner optimizer
        has no weight decay.
      ValueError: if an option is out of range.
    """
    _check_share("decay", decay)
    _check_positive("start", start, least=0)
    found = addons("--optimizer=moving-average").optimizers
    optimizer = _inner("moving-average", inner, learning_rate, weight_decay)
    return _averaging(found.MovingAverage(optimizer, decay, start_step=start))


@optimizers.register("swa")
def swa(
    learning_rate: WarmupDecay,
    weight_decay: float | None,
    inner: Inner = "adam",
    start: int = 0,
    period: int = 10,
) -> Averaging:
    """Stochastic weight averaging (Izmailov et al. 2018).

    The mean of snapshots of the weights is what is judged and served.

    Args:
      learning_rate: of the inner optimizer.
      weight_decay: likewise.
      inner: the optimizer that moves the weights.
      start: the step of the first snapshot.
      period: steps from one snapshot to the next.

    Raises:
      InputError: if tensorflow-addons is not installed, or the inner optimizer
        has no weight decay.
      ValueError: if an option is out of range.
    """
    _check_positive("start", start, least=0)
    _check_positive("period", period)
    found = addons("--optimizer=swa").optimizers
    optimizer = _inner("swa", inner, learning_rate, weight_decay)
    return _averaging(found.SWA(optimizer, start, period), start)


@optimizers.register("multi")
def multi(
    learning_rate: WarmupDecay,
    weight_decay: float | None,
    parameters: Parameters,
    pretrained: float,
    new: float | None = None,
    policy: float | None = None,
    inner: Inner = "adam",
) -> Multi:
    """A learning rate for each group of weights: pre-trained ones slow.

    Args:
      learning_rate: of new weights by default; its schedule is that of all.
      weight_decay: of all.
      parameters: given by the program.
      pretrained: learning rate of weights that pre-training made.
      new: of all others, such as the target domain's head.
      policy: of the policy network; as `new` by default.
      inner: the optimizer of each group.

    Raises:
      InputError: if tensorflow-addons is not installed, or the inner optimizer
        has no weight decay.
      ValueError: if a rate is not above 0.
    """
    rest = learning_rate.peak if new is None else new
    rates = {
        "pretrained": pretrained,
        "policy": rest if policy is None else policy,
        "new": rest,
    }
    for name in ("new", *rates):  # of two equal ones, the one that was given
        rate = rates[name]
        if not rate > 0:
            raise ValueError(f"{name} should be above 0, received {rate}")
    addons("--optimizer=multi")
    from tfxdr_addons.legacy import Multi

    groups = [(rate, getattr(parameters, name)) for name, rate in rates.items()]
    return Multi(
        [
            (
                _inner(
                    "multi", inner, learning_rate.at_peak(rate), weight_decay
                ),
                variables,
            )
            for rate, variables in groups
            if variables
        ]
    )


def _inner(
    asker: str, name: Inner, learning_rate: Any, weight_decay: float | None
) -> Any:
    """The optimizer that another one wraps."""
    if name in ("lamb", "radam"):
        found = addons(f"--optimizer={asker}").optimizers
        make = found.LAMB if name == "lamb" else found.RectifiedAdam
        return make(learning_rate, weight_decay=weight_decay or 0.0)
    if weight_decay:
        raise InputError(
            f"--optimizer={asker}(inner={name}) has no weight decay, found "
            f"--weight_decay={weight_decay}: set it to 0, or take inner=lamb "
            "or inner=radam"
        )
    from tensorflow import keras

    legacy = keras.optimizers.legacy
    if name == "adam":
        return legacy.Adam(learning_rate)
    return legacy.SGD(learning_rate, _MOMENTUM)


def _legacy(optimizer: Any) -> Legacy:
    # Imports TensorFlow, which this module leaves to those who need it.
    from tfxdr_addons.legacy import Legacy

    return Legacy(optimizer)


def _averaging(optimizer: Any, first_step: int = 0) -> Averaging:
    from tfxdr_addons.legacy import Averaging

    return Averaging(optimizer, first_step)


def _check_positive(name: str, value: int, least: int = 1) -> None:
    if value < least:
        raise ValueError(f"{name} should be >= {least}, received {value}")


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} should be in [0, 1], received {value}")
