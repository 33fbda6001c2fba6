from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.registry import backbones
from tfxdr.testing import check_backbone


@pytest.fixture(autouse=True)
def loaded(load):
    load("running_mean_backbone")


def test_reads_the_mean_of_the_items_so_far():
    backbone = backbones.build("running-mean(channels=2)", num_items=9)
    block = backbone.blocks[0]
    inputs = tf.constant([[[9.0, 9.0], [1.0, 2.0], [3.0, 6.0]]])
    block(inputs)
    block.inner.kernel.assign([[0, 0], [0, 0], [1, 0], [0, 1]])  # the mean
    block.outer.kernel.assign(np.eye(2))
    mask = tf.constant([[False, True, True]])
    found = block(inputs, mask=mask)[0, 1:]
    np.testing.assert_allclose(found, [[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.large
def test_promises():
    check_backbone("running-mean(channels=8,num_blocks=2,dropout=0.2)")
