"""Plugins that tests write."""

from __future__ import annotations

import pathlib

COIN = """
import tfxdr

@tfxdr.losses.register("coin")
class Coin:
    \"\"\"Tosses a coin.\"\"\"

    def __init__(self, sides: int = 2):
        self.sides = sides
"""


def write(folder: pathlib.Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)
