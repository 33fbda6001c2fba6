"""What steps move without a gradient, and which epoch's is kept."""

import tensorflow as tf

from tfxdr.registry import optimizers
from tfxdr.training import loop as loop_module
from tfxdr.training.history import History
from tfxdr.training.loop import Loop, LoopSettings
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.training.progress import Progress


class Counting(tf.keras.Model):
    """Counts its steps, as a normalization gathers moments."""

    def __init__(self):
        super().__init__()
        self.weight = tf.Variable(1.0, name="weight")
        self.counted = tf.Variable(0.0, trainable=False, name="counted")
        self.frozen = tf.keras.layers.Dense(1)
        self.frozen.build([None, 1])
        self.frozen.trainable = False

    def batch_loss(self, number):
        self.counted.assign_add(1.0)
        return tf.square(self.weight), tf.ones([])


class Batches:
    steps = 4
    element_spec = tf.TensorSpec([], tf.int64)

    def epoch(self, epoch, first_step=0):
        return tf.data.Dataset.range(first_step, self.steps)


class Stage(loop_module.Stage):
    name = "counting"

    def __init__(self):
        self.model = Counting()
        self.batches = Batches()
        self.metrics = [0.1, 0.3, 0.2]

    def validate(self):
        return {"hr@5": self.metrics.pop(0)}


def test_they_are_kept_with_the_best_weights(tmp_path):
    stage = Stage()
    loop = Loop(
        stage,
        ParameterGroups(
            OptimizerSettings(optimizers.parse("adam"), 0.1),
            pretrained=[],
            new=[stage.model.weight],
            total_steps=12,
        ),
        LoopSettings(3, 9, "hr@5", 1e9),
        folder=tmp_path / "checkpoints",
        history=History(tmp_path),
        progress=Progress(),
    )
    loop.run(resume=False)
    assert float(stage.model.counted) == 2 * Batches.steps
    assert len(loop.state.best) == 2  # What is frozen is not copied.
