"""What is read of a history, by hand and by enumeration."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops.positions import LAST, Positions, read_by_block


def test_the_papers_layers_read_604_of_800():
    """16 layers over 50 positions, from the top one down."""
    dilations = (1, 2, 4, 8) * 4
    place, counts = LAST, []
    for dilation in reversed(dilations):
        counts.append(min(place.number, 50))
        place = place.read_by(3, dilation)
    assert counts == [1, 3, 7, 15, 31, 47] + 10 * [50]
    assert sum(counts) == 604


def test_a_place_is_counted_from_the_last_position():
    history = np.arange(7)[np.newaxis]  # the last is 6
    assert Positions(3, 2).of(history).numpy().tolist() == [[2, 4, 6]]
    assert Positions(9, 4).of(history).numpy().tolist() == [[2, 6]]
    assert LAST.of(history).numpy().tolist() == [[6]]
    every_other = Positions(4, 2).of(history)
    again = Positions(2, 4).of(every_other, Positions(4, 2))
    assert again.numpy().tolist() == [[2, 6]]
    assert LAST.of(every_other, Positions(4, 2)).numpy().tolist() == [[6]]


@pytest.mark.parametrize("outputs", [LAST, Positions(4, 3), Positions(5, 1)])
@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
@pytest.mark.parametrize("num_taps", [1, 2, 3])
def test_nothing_that_is_read_is_left_out(outputs, dilation, num_taps):
    read = outputs.read_by(num_taps, dilation)
    places = {i * read.step for i in range(read.number)}
    ends = {i * outputs.step for i in range(outputs.number)}
    assert ends <= places  # where a skip connection reads them
    for tap in range(num_taps):
        assert {end + tap * dilation for end in ends} <= places
    assert max(places) == max(ends) + (num_taps - 1) * dilation


def test_taking_all_that_is_given_takes_the_tensor_itself():
    values = tf.ones([2, 3, 4])
    place = Positions(3, 2)
    assert place.of(values, place) is values


def test_a_block_without_a_say_reads_everything():
    assert read_by_block(object(), LAST) is None
