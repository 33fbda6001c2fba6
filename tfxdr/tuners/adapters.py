"""Only small layers inside the block are tuned."""

from __future__ import annotations

from tensorflow import keras

from tfxdr.layers.adapter import AdaptedBlock, Adapter
from tfxdr.registry import tuners
from tfxdr.tuners.base import Tuner


class AdapterTuner(Tuner):
    """Adapters and layer norms are tuned, all else stays (PeterRec).

    A subclass says where an adapter sits.
    """

    train_embeddings = False
    parallel: bool

    def __init__(self, reduction: int = 4) -> None:
        """Keeps the size.

        Args:
          reduction: the bottleneck has `width / reduction` channels.

        Raises:
          ValueError: if it is below 1.
        """
        if reduction < 1:
            raise ValueError(f"reduction should be >= 1, received {reduction}")
        self.reduction = reduction

    def tunes_output(self, layer: keras.layers.Layer) -> bool:
        return isinstance(layer, keras.layers.LayerNormalization)

    def tune(self, block: keras.layers.Layer, width: int) -> keras.layers.Layer:
        adapters = [
            Adapter(
                width,
                self.reduction,
                parallel=self.parallel,
                name=f"adapter{number}",
            )
            for number in range(1, block.num_adapters + 1)
        ]
        return AdaptedBlock(block, adapters, name=f"{block.name}_adapted")


@tuners.register("adapter-serial")
class SerialAdapters(AdapterTuner):
    """PeterRec's adapters after each sub-layer: `c + A(c)`."""

    parallel = False


@tuners.register("adapter-parallel")
class ParallelAdapters(AdapterTuner):
    """PeterRec's adapters beside each sub-layer: `c + x + A(x)`."""

    parallel = True
