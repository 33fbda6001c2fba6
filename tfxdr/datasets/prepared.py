"""Data that were prepared before, by what they hold."""

from __future__ import annotations

from tfxdr.datasets.base import Source
from tfxdr.registry import datasets


@datasets.register("prepared")
class Prepared(Source):
    """What an earlier call prepared, found in --cache_dir by its fingerprint.

    So a run on data that no text can name, such as a data frame's, is
    evaluated and served by its options alone.

    Args:
      fingerprint: of the prepared data, as in `manifest.json`.
    """

    protocol = "data that were prepared before"

    def __init__(self, fingerprint: str):
        self.fingerprint = fingerprint
