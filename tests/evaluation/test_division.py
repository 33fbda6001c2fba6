"""Evaluations that workers divide, and what they join."""

import numpy as np

from tfxdr.evaluation import collect_actions, division
from tfxdr.ops.ragged import Ragged

HISTORY = Ragged.from_lengths(np.arange(2, 23), np.array([6, 5, 4, 3, 2, 1]))


class Worker:
    """One of several, who keeps what it would hand to the others."""

    def __init__(self, index, count):
        self.index = index
        self.count = count
        self.given = []

    def joined(self, array):
        self.given.append(array)
        return array


def _decide(history):
    last = np.asarray(history)[:, -1:].astype(np.float32)
    return np.concatenate([last, last / 2], axis=1) / 30


def _actions(count):
    """What each of some workers gives of the users' actions."""
    workers = [Worker(index, count) for index in range(count)]
    for worker in workers:
        with division.divided(worker):
            collect_actions(_decide, HISTORY, np.arange(6), batch_size=2)
    return [worker.given[0] for worker in workers]


def test_parts_add_up_to_what_one_finds():
    alone = collect_actions(_decide, HISTORY, np.arange(6), batch_size=2)
    parts = _actions(2)
    assert all(np.any(part == 0) for part in parts)
    np.testing.assert_array_equal(sum(parts), alone.actions)


def test_a_worker_without_a_batch_adds_nothing():
    """There are three batches, and four workers."""
    *_, last = _actions(4)
    np.testing.assert_array_equal(last, np.zeros((6, 2)))


def test_every_batch_is_one_workers():
    found = []
    for index in range(3):
        with division.divided(Worker(index, 3)):
            found += division.own(range(7))
    assert sorted(found) == list(range(7))


def test_one_alone_does_all():
    assert list(division.own(range(3))) == [0, 1, 2]
    array = np.ones(3)
    assert division.joined(array) is array
