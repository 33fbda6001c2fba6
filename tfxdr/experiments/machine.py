"""What TensorFlow may use of this machine: threads and devices."""

from __future__ import annotations

from tfxdr.errors import InputError
from tfxdr.options.compute import Compute

AUTO = "auto"


def set_machine(chosen: Compute) -> None:
    """Sets threads and devices, which TensorFlow takes when it starts.

    Raises:
      InputError: it has started with others, or there is no such device.
    """
    _set_threads(chosen.threads)
    set_device(chosen.device)


def set_device(name: str) -> None:
    """Hides all GPUs but those that are named.

    Those that are left take memory as they need it; TensorFlow by itself takes
    all that there is.

    Args:
      name: `auto`, all GPUs there are; `cpu`, none; `gpu`, the first one; or
        `gpu:1`, one by its number.

    Raises:
      InputError: there is no such device, or TensorFlow has started with
        others.
    """
    import tensorflow as tf

    config = tf.config
    found = {
        f"gpu:{number}": device
        for number, device in enumerate(config.list_physical_devices("GPU"))
    }
    if name not in (AUTO, "cpu", "gpu", *found) or (
        name == "gpu" and not found
    ):
        raise InputError(
            f"--device={name}: there is no such device; expected one of "
            f"{', '.join((AUTO, 'cpu', *found))}"
        )
    chosen = list(found.values())
    if name != AUTO:
        number = "gpu:0" if name == "gpu" else name
        chosen = [device for key, device in found.items() if key == number]
    if not found:
        return
    try:
        config.set_visible_devices(chosen, "GPU")
        for device in chosen:
            config.experimental.set_memory_growth(device, True)
    except RuntimeError as error:
        if name == AUTO:  # what this process has started with is as good
            return
        raise InputError(
            f"--device={name}: TensorFlow has started in this process already, "
            "with other devices; leave the option out, or start another process"
        ) from error


def _set_threads(threads: int) -> None:
    """Both pools of TensorFlow, which start with its first operation.

    Raises:
      InputError: they have started with another number.
    """
    import tensorflow as tf

    if not threads:
        return
    pools = tf.config.threading
    try:
        pools.set_intra_op_parallelism_threads(threads)
        pools.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        now = pools.get_intra_op_parallelism_threads()
        raise InputError(
            f"--threads={threads}: TensorFlow has started in this process "
            f"already, with --threads={now}; leave the option out, or start "
            "another process"
        ) from error
