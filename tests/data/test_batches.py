"""Training input: everything once, nothing known as a negative."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.data.batches import FinetuneBatches, PretrainBatches
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged

HISTORY = Ragged.from_rows([[2, 3, 4], [], [5], [6, 7, 8, 9, 2]])
POSITIVES = Ragged.from_rows([[4, 2, 7, 5, 6], [3], [], [8, 9]])


def finetune_batches(**options):
    defaults = {
        "num_items": 11,
        "batch_size": 2,
        "targets_per_user": 2,
        "num_negatives": 3,
        "seed": 5,
    }
    return FinetuneBatches(HISTORY, POSITIVES, **(defaults | options))


def owners(batch):
    """The user of each row, recognized by its history."""
    histories = {tuple(row): user for user, row in enumerate(HISTORY)}
    return [histories[tuple(row[row != 0])] for row in batch.history.numpy()]


@pytest.mark.parametrize("targets_per_user", [1, 2, 32])
def test_every_instance_comes_once_per_epoch(targets_per_user):
    batches = finetune_batches(targets_per_user=targets_per_user)
    for epoch in (0, 1):
        seen = collections.Counter()
        steps = 0
        for batch in batches.epoch(epoch):
            steps += 1
            assert batch.positives.shape[1] <= targets_per_user
            for user, row in zip(owners(batch), batch.positives, strict=True):
                seen.update((user, int(item)) for item in row if item)
        expected = [
            (user, int(item))
            for user, row in enumerate(POSITIVES)
            for item in row
        ]
        assert seen == collections.Counter(expected)
        assert steps == batches.steps


def test_padding_is_left_of_histories_and_right_of_targets():
    for batch in finetune_batches().epoch(0):
        real = batch.history.numpy() != 0
        assert (np.diff(real.astype(int), axis=1) >= 0).all()
        real = batch.positives.numpy() != 0
        assert (np.diff(real.astype(int), axis=1) <= 0).all()
        assert real.any(axis=1).all()


def test_negatives_are_real_items_that_are_no_training_positives():
    batches = finetune_batches(num_negatives=50)
    for batch in batches.epoch(0):
        for user, negatives in zip(
            owners(batch), batch.negatives.numpy(), strict=True
        ):
            assert negatives.min() >= 2
            assert negatives.max() < 11
            assert not set(negatives.ravel()) & set(POSITIVES[user])


def test_negatives_are_uniform_over_what_is_left():
    batches = finetune_batches(num_negatives=20_000)
    counts = {user: np.zeros(11) for user in range(4)}
    for batch in batches.epoch(0):
        for user, negatives in zip(
            owners(batch), batch.negatives.numpy(), strict=True
        ):
            counts[user] += np.bincount(negatives.ravel(), minlength=11)
    for user in (0, 1, 3):
        free = [i for i in range(2, 11) if i not in POSITIVES[user]]
        expected = counts[user].sum() / len(free)
        deviation = (counts[user][free] - expected) / np.sqrt(expected)
        assert np.abs(deviation).max() < 4.5


def flat(batches, epoch, first=0):
    return [
        [part.numpy() for part in batch]
        for batch in batches.epoch(epoch, first)
    ]


@pytest.mark.parametrize(
    "batches",
    [
        finetune_batches(),
        PretrainBatches(HISTORY.take([0, 3, 0]), batch_size=2, seed=1),
    ],
    ids=["finetune", "pretrain"],
)
def test_an_epoch_can_start_anywhere_and_be_repeated(batches):
    whole = flat(batches, 3)
    for first in range(batches.steps + 1):
        again = flat(batches, 3, first)
        assert len(again) == len(whole) - first
        for old, new in zip(whole[first:], again, strict=True):
            for a, b in zip(old, new, strict=True):
                np.testing.assert_array_equal(a, b)


def test_epochs_and_seeds_differ():
    order = [b[1].tolist() for b in flat(finetune_batches(batch_size=9), 0)]
    other = [b[1].tolist() for b in flat(finetune_batches(batch_size=9), 1)]
    seed = finetune_batches(batch_size=9, seed=6)
    assert order != other
    assert order != [b[1].tolist() for b in flat(seed, 0)]


def test_step_seeds_never_repeat():
    batches = finetune_batches()
    seeds = [
        tuple(batch.seed.numpy())
        for epoch in range(3)
        for batch in batches.epoch(epoch)
    ]
    assert len(set(seeds)) == len(seeds)


def test_pretraining_sees_every_history_once():
    history = Ragged.from_rows([[2, 3], [4, 5, 6], [7, 8]])
    batches = PretrainBatches(history, batch_size=2, seed=0)
    rows = [
        tuple(row[row != 0].tolist())
        for batch in batches.epoch(0)
        for row in batch.history.numpy()
    ]
    assert sorted(rows) == [(2, 3), (4, 5, 6), (7, 8)]


def test_a_batch_is_as_long_as_its_longest_history():
    lengths = {
        batch.history.shape[1]: max(
            int(tf.math.count_nonzero(row)) for row in batch.history
        )
        for batch in finetune_batches().epoch(0)
    }
    assert all(width == max(longest, 1) for width, longest in lengths.items())


def test_nothing_to_train_on_is_an_error():
    nothing = Ragged.from_rows([[], [], [], []])
    with pytest.raises(InputError, match="--train_fraction"):
        FinetuneBatches(
            HISTORY,
            nothing,
            num_items=5,
            batch_size=1,
            targets_per_user=1,
            num_negatives=1,
            seed=0,
        )


def test_a_user_who_has_everything_is_an_error():
    with pytest.raises(InputError, match="no negative to sample"):
        finetune_batches(num_items=7)
