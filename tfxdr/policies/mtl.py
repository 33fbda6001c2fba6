"""Multi-task learning (UAF section 4.2)."""

from __future__ import annotations

from tfxdr.policies.base import Policy
from tfxdr.registry import policies


@policies.register("mtl")
class MultiTask(Policy):
    """MTL: both domains are learned at once by one shared backbone.

    Hard parameter sharing from random weights: the loss is that of the target
    domain plus `weight` times that of the next source item, on the same
    users. Users without target items take no part.
    """

    pretrained = False

    def __init__(self, weight: float = 1.0) -> None:
        """Keeps the weight.

        Args:
          weight: of the source domain's loss.

        Raises:
          ValueError: if it is not above 0.
        """
        if weight <= 0:
            raise ValueError(
                f"weight should be above 0, received {weight}; without the "
                "source domain's loss it is --policy=zero"
            )
        self.source_weight = weight

    def static_actions(self, num_blocks: int) -> tuple[int, ...]:
        return (1,) * num_blocks
