"""A loop over one weight, and what it left."""

import csv

import tensorflow as tf

from tfxdr.registry import optimizers
from tfxdr.training import loop as loop_module
from tfxdr.training.history import History
from tfxdr.training.loop import Loop, LoopSettings
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.training.progress import Progress


class Line(tf.keras.Model):
    """One weight that is drawn towards random points."""

    def __init__(self, poison=-1):
        super().__init__()
        self.weight = tf.Variable(3.0, name="slope")
        self.poison = poison

    def batch_loss(self, seed):
        noise = tf.random.stateless_normal([], seed)
        loss = tf.square(self.weight - noise)
        loss *= tf.where(seed[1] == self.poison, float("nan"), 1.0)
        return loss, tf.constant(1.0)


class Epoch:
    element_spec = tf.TensorSpec([2], tf.int32)

    def __init__(self, numbers, stop_at, error):
        self.numbers = numbers
        self.stop_at = stop_at
        self.error = error

    def __iter__(self):
        for number in self.numbers:
            if number == self.stop_at:
                raise self.error
            yield tf.constant([0, number])


class Steps:
    steps = 4

    def __init__(self, stop_at=None, error=KeyboardInterrupt):
        self.stop_at = stop_at
        self.error = error

    def epoch(self, epoch, first_step=0):
        start = epoch * self.steps
        numbers = range(start + first_step, start + self.steps)
        return Epoch(numbers, self.stop_at, self.error)


class Stage(loop_module.Stage):
    name = "toy"

    def __init__(self, metrics=None, **options):
        self.model = Line(options.pop("poison", -1))
        self.batches = Steps(**options)
        self.metrics = metrics

    def validate(self):
        if self.metrics:
            return {"hr@5": self.metrics.pop(0)}
        return {"hr@5": -abs(float(self.model.weight))}


def make(
    folder,
    stage,
    *,
    epochs=5,
    patience=9,
    seconds=1e9,
    monitor="hr@5",
    callbacks=(),
    optimizer="adam",
):
    parameters = ParameterGroups(
        OptimizerSettings(optimizers.parse(optimizer), 0.3),
        pretrained=[],
        new=[stage.model.weight],
        total_steps=100,
    )
    return Loop(
        stage,
        parameters,
        LoopSettings(epochs, patience, monitor, seconds),
        callbacks=callbacks,
        folder=folder / "checkpoints",
        history=History(folder),
        progress=Progress(),
    )


def without_time(metrics):
    return {k: v for k, v in metrics.items() if k != "seconds"}


def read(folder):
    with open(folder / "history.csv") as file:
        return [
            {k: v for k, v in row.items() if k != "seconds"}
            for row in csv.DictReader(file)
        ]
