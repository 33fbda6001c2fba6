"""The cross-connected layer by hand."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.cross_unit import CrossUnit


def by_hand():
    unit = CrossUnit(2)
    unit.build(tf.TensorShape([None, 2]))
    unit.source_kernel.assign([[1.0, 0.0], [0.0, -1.0]])
    unit.target_kernel.assign([[2.0, 0.0], [0.0, 2.0]])
    unit.transfer.assign([[0.0, 1.0], [10.0, 0.0]])
    return unit


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_both_read_the_old_values(mode):
    unit = by_hand()
    call = unit.__call__
    if mode != "eager":
        call = tf.function(unit.call, jit_compile=mode == "xla")
    source, target = call(tf.constant([[3.0, 4.0]]), tf.constant([[-5.0, 0.5]]))
    # s W_s = [3, -4], t H = [5, -5]; t W_t = [-10, 1], s H = [40, 3].
    np.testing.assert_array_equal(source, [[8, 0]])
    np.testing.assert_array_equal(target, [[30, 4]])


def test_it_has_one_transfer_and_no_bias():
    unit = by_hand()
    assert [v.shape for v in unit.trainable_variables] == [(2, 2)] * 3


def test_config_round_trip():
    config = CrossUnit(7, name="unit").get_config()
    assert CrossUnit.from_config(config).get_config() == config
    assert config["size"] == 7


def test_a_size_out_of_range_is_refused():
    with pytest.raises(ValueError, match="size should be >= 1, received 0"):
        CrossUnit(0)
