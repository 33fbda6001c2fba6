"""Input pipeline against training step: does input starve the model?

    python benchmarks/pipeline.py [--flag=value ...]

Takes the options of `tfxdr.main` (synthetic data by default). Runs epochs of
fine-tuning batches alone, then the same batches with the training step, in
turn, and prints rows per second of each and their ratio.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time

import tensorflow as tf

from tfxdr import options as option_module
from tfxdr.modes import make_experiment
from tfxdr.policies.static import Zero
from tfxdr.training.cost import peak_bytes
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups

ROUNDS = 3


def main() -> None:
    with tempfile.TemporaryDirectory() as cache:
        measure(cache)


def measure(cache: str) -> None:
    """Prints the rates."""
    flags = [f"--cache_dir={cache}", *sys.argv[1:]]
    experiment = make_experiment(option_module.parse(["pipeline", *flags]))
    batches = experiment.batches(Zero())
    model = experiment.model(Zero(), None)
    parameters = ParameterGroups(
        OptimizerSettings(experiment.optimizer, 1e-3),
        pretrained=[],
        new=model.trainable_variables,
        total_steps=1,
    )

    @tf.function(reduce_retracing=True)
    def step(batch):
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(batch)
        variables = parameters.variables_to_train
        parameters.apply(tape.gradient(loss, variables))

    def rate(epoch: int, train: bool) -> float:
        rows, start = 0, time.monotonic()
        for batch in batches.epoch(epoch):
            rows += batch.history.shape[0]
            if train:
                step(batch)
        return rows / (time.monotonic() - start)

    rate(0, True)  # Traces both.
    pairs = [(rate(r, False), rate(r, True)) for r in range(1, ROUNDS + 1)]
    alone, trained = (
        statistics.median(column) for column in zip(*pairs, strict=True)
    )
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"pipeline alone  {alone:12,.0f} rows/s")
    print(f"with the step   {trained:12,.0f} rows/s")
    print(f"ratio           {ratio:12.1f}")
    print(f"peak memory     {peak_bytes() / 2**20:12,.0f} MiB")


if __name__ == "__main__":
    main()
