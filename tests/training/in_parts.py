"""A program: the gradients of a batch in parts beside those of the whole.

It takes command lines of runs, and prints for each the largest difference as
a share of the largest value, in loss and gradients, of batches of several
sizes. TensorFlow has to be told of the devices before it starts, so that it
is a process of its own.
"""

import json
import shlex
import sys

import numpy as np
import tensorflow as tf

from tfxdr.experiments.components import chosen_specs
from tfxdr.experiments.start import (
    import_components,
    is_joint,
    make_experiment,
)
from tfxdr.options import parse
from tfxdr.training import cluster
from tfxdr.training.distribution import Distribution
from tfxdr.training.progress import Progress

_SIZES = (7, 1)  # rows; fewer than there are devices, too


def difference(words, devices):
    """Of the two ways to the direction of a step, relative."""
    stage = _stage(parse(["tfxdr", *words]))
    variables = stage.parameters.all
    batches = stage.batches.epoch(1)
    whole = next(iter(batches))
    ways = [
        tf.function(
            lambda batch, one=one: one.gradients(stage, batch, variables),
            input_signature=[batches.element_spec],
        )
        for one in (Distribution(), devices)
    ]
    return max(_difference(ways, _cut(whole, rows)) for rows in _SIZES)


def _stage(options):
    import_components()
    tuple(chosen_specs(options))
    experiment = make_experiment(options, progress=Progress.unseen())
    (spec,) = experiment.specs
    if is_joint(options):
        return experiment.stage(experiment.meta(spec))
    return experiment.stage(experiment.component(spec), None)


def _cut(batch, rows):
    named = batch._asdict()
    for name in ("seed", "step", "epoch"):
        del named[name]
    return batch._replace(
        **tf.nest.map_structure(lambda values: values[:rows], named)
    )


def _difference(ways, batch):
    found = [
        [
            np.atleast_1d(tf.convert_to_tensor(x))
            for x in tf.nest.flatten(way(batch), expand_composites=False)
            if x is not None
        ]
        for way in ways
    ]
    largest = max(np.abs(x).max() for x in found[0][2:])
    assert largest > 0
    apart = [np.abs(x - y).max() for x, y in zip(*found, strict=True)]
    assert found[0][1] == found[1][1], "another number of instances"
    return max(apart[0] / abs(found[0][0]).max(), max(apart[2:]) / largest)


if __name__ == "__main__":
    several = cluster.start("mirrored", print)
    told = {
        text: float(difference(shlex.split(text), several))
        for text in sys.argv[1:]
    }
    print(json.dumps(told))
