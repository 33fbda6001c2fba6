"""An example of a plugin: a policy in ten lines.

python -m tfxdr.main --plugins=plugins/coin.py --policy="coin(seed=3)"
"""

import random

import tfxdr


@tfxdr.policies.register("coin")
class Coin(tfxdr.Policy):
    """Tunes each block or not by the toss of a coin."""

    def __init__(self, seed: int = 0):
        self.seed = seed

    def static_actions(self, num_blocks):
        toss = random.Random(self.seed).randrange
        return tuple(toss(2) for _ in range(num_blocks))
