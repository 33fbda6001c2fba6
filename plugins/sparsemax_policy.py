"""A soft policy that can make up its mind.

Needs tensorflow-addons: pip install "tfxdr[addons]" on Python 3.10 or 3.11.
"""

import tensorflow as tf

import tfxdr

tfxdr.require_interface("1.0")

from tfxdr_addons.needed import addons  # noqa: E402  After the line above.


@tfxdr.policies.register("sparsemax")
class Sparsemax(tfxdr.Policy):
    """Gates by sparsemax: exactly 0 or 1 where the network is sure.

    Sparsemax (Martins and Astudillo, ICML 2016) projects logits onto the
    simplex. Of the two logits of a block, tune and freeze, that leaves
    `clip((tune - freeze + 1) / 2, 0, 1)`. Like the soft policy it takes its
    gradient without sampling; unlike the sigmoid there it reaches both ends,
    and a block that has reached one gets no gradient for that user.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        """Keeps the option.

        Args:
          temperature: what logits are divided by; a high one keeps gates
            away from 0 and 1.

        Raises:
          InputError: if tensorflow-addons is not installed.
          ValueError: if the temperature is not above 0.
        """
        if temperature <= 0:
            raise ValueError(
                f"temperature should be above 0, received {temperature}"
            )
        self.temperature = temperature
        self._sparsemax = addons("--policy=sparsemax").activations.sparsemax

    def call(
        self, logits: tf.Tensor, context: tfxdr.Context, training: bool
    ) -> tf.Tensor:
        """Of the two gates of a block, that of tuning."""
        return self._sparsemax(logits / self.temperature)[..., 0]
