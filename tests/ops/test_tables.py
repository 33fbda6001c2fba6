"""Tables in shards answer as whole ones do."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.target_head import TargetHead
from tfxdr.ops import tables
from tfxdr.ops.softmax import next_item_sampled_softmax

ROWS, WIDTH = 11, 3


def values(seed=0, *shape):
    shape = shape or (ROWS, WIDTH)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def sharded(array, count):
    """As TensorFlow divides rows: consecutive, the first shards larger."""
    return tables.Sharded(
        [
            tf.Variable(part, name=f"table/part_{number}")
            for number, part in enumerate(np.array_split(array, count))
        ]
    )


@pytest.fixture(params=[2, 3, 4])
def count(request):
    return request.param


class TestReading:
    def test_rows_of_any_shape(self, count):
        array, items = values(), [[0, 10, 5], [3, 3, 8]]
        found = tables.rows(sharded(array, count), tf.constant(items))
        np.testing.assert_array_equal(found, array[items])

    def test_rows_of_a_bias(self, count):
        array = values(1, ROWS)
        found = tables.rows(sharded(array, count), tf.constant([10, 0]))
        np.testing.assert_array_equal(found, array[[10, 0]])

    def test_products(self, count):
        array, vectors = values(), values(2, 4, WIDTH)
        found = tables.products(tf.constant(vectors), sharded(array, count))
        np.testing.assert_allclose(found, vectors @ array.T, rtol=1e-5)

    def test_a_whole_table_is_its_only_shard(self):
        table = tf.Variable(values())
        assert tables.shards(table) == [table]


class TestCopies:
    def test_values_come_shard_by_shard(self, count):
        source, target = sharded(values(), count), sharded(values(1), count)
        tables.copy(source, target)
        np.testing.assert_array_equal(tf.convert_to_tensor(target), values())

    def test_a_smaller_table_takes_the_first_rows(self, count):
        target = tf.Variable(tf.zeros([ROWS - 2, WIDTH]))
        tables.copy(sharded(values(), count), target)
        np.testing.assert_array_equal(target, values()[: ROWS - 2])

    def test_copies_are_one_table_among_others(self, count):
        table, other = sharded(values(), count), tf.Variable([1.0, 2.0])
        variables = [other, *tables.shards(table), tf.Variable(3.0)]
        made = tables.copies(variables)
        assert [type(x) is tables.Sharded for x in made] == [False, True, False]
        flat = tables.flat(made)
        assert len(flat) == len(variables)
        for one, two in zip(flat, variables, strict=True):
            assert one is not two
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_checkpoint_reads_back_in_other_shards(tmp_path, count, others):
    def holder(table):
        kept = tables.copies(tables.shards(table))
        return tf.train.Checkpoint(table=table, best=kept), kept

    written, _ = holder(sharded(values(), count))
    written.write(str(tmp_path / "saved"))
    empty = values(5)
    table = sharded(empty, others) if others > 1 else tf.Variable(empty)
    read, kept = holder(table)
    read.read(str(tmp_path / "saved")).assert_existing_objects_matched()
    for found in (table, *kept):
        np.testing.assert_array_equal(tf.convert_to_tensor(found), values())


class TestWhatReadsTables:
    def test_the_sampled_softmax_and_its_gradients(self, count):
        hidden, labels = tf.constant(values(3, 5, WIDTH)), [2, 4, 10, 6, 6]

        def of(kernel, bias):
            with tf.GradientTape() as tape:
                losses = next_item_sampled_softmax(
                    hidden,
                    tf.constant(labels),
                    kernel,
                    bias,
                    num_samples=6,
                    seed=tf.constant([1, 2]),
                )
            wanted = [tables.shards(kernel), tables.shards(bias)]
            return losses, tape.gradient(losses, wanted)

        arrays = values(), values(4, ROWS)
        losses, slopes = of(*(sharded(x, count) for x in arrays))
        expected, whole = of(*map(tf.Variable, arrays))
        np.testing.assert_array_equal(losses, expected)
        for found, (slope,) in zip(slopes, whole, strict=True):
            # Only rows of the batch and its negatives have one.
            assert all(isinstance(part, tf.IndexedSlices) for part in found)
            joined = tf.concat([tf.convert_to_tensor(x) for x in found], 0)
            np.testing.assert_allclose(
                joined, tf.convert_to_tensor(slope), rtol=1e-5, atol=1e-7
            )

    def test_a_head(self, count):
        head = TargetHead(ROWS)
        user = tf.constant(values(3, 2, WIDTH))
        head(user)
        head.start_from_popularity(np.arange(ROWS))
        kernel, bias = head.kernel.numpy(), head.bias.numpy()
        other = TargetHead(ROWS)
        other.built = True
        other.kernel, other.bias = sharded(kernel, count), sharded(bias, count)
        np.testing.assert_allclose(other(user), head(user), rtol=1e-5)
        items = tf.constant([[2, 10], [9, 3]])
        np.testing.assert_allclose(
            other.score(user, items), head.score(user, items), rtol=1e-5
        )
        other.start_from_popularity(np.arange(ROWS))
        np.testing.assert_allclose(
            tf.convert_to_tensor(other.kernel), 0.1 * kernel, rtol=1e-6
        )
