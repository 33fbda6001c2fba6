"""One user who has every item stops nobody's training."""

import numpy as np
import pytest

import tfxdr
from tfxdr.errors import InputError
from tfxdr.experiments.start import make_experiment
from tfxdr.options.named import options_from

USERS, SOURCE, TARGET = 12, 8, 6


class Shop(tfxdr.Source):
    """Users with a few items, and some who have all of them."""

    def __init__(self, full_source=(), full_target=()):
        self.full_source, self.full_target = full_source, full_target

    def load(self, connection, rejects):
        draw = np.random.default_rng(0)
        for domain, count, full in (
            ("source", SOURCE, self.full_source),
            ("target", TARGET, self.full_target),
        ):
            rows = [
                (f"u{user:02}", f"{domain[0]}{item}")
                for user in range(USERS)
                for item in draw.permutation(count)[
                    : count if user in full else count // 2
                ]
            ]
            users, items = zip(*rows, strict=True)
            columns = {
                "user": np.array(users, object),
                "item": np.array(items, object),
                "time": np.arange(len(rows)),
                "rating": np.full(len(rows), np.nan),
                "row": np.arange(len(rows)),
            }
            tfxdr.datasets.insert_arrays(connection, domain, columns)


def experiment(source, tmp_path, **options):
    # All events are training: nobody's last one is held out here.
    data = tfxdr.prepare(
        source, cache_dir=tmp_path, split_fractions=(1.0, 0.0, 0.0)
    )
    named = {"split_fractions": (1.0, 0.0, 0.0), **options}
    return make_experiment(options_from(named), data=data)


def test_nothing_is_learned_of_them(tmp_path, capsys):
    made = experiment(Shop(full_target=(3, 5)), tmp_path)
    batches = made.batches(tfxdr.policies.create("all"))
    assert "2 of 12 users have every target item" in capsys.readouterr().out
    assert (batches.positives.lengths[[3, 5]] == 0).all()
    assert (np.delete(batches.positives.lengths, [3, 5]) == TARGET // 2).all()
    for batch in batches.epoch(0):
        assert (batch.negatives.numpy() >= 2).all()


def test_where_all_have_everything_there_is_nothing_to_learn(tmp_path):
    made = experiment(Shop(full_target=tuple(range(USERS))), tmp_path)
    with pytest.raises(InputError, match="has every target item"):
        made.batches(tfxdr.policies.create("all"))


@pytest.mark.parametrize("threshold", [None, 3.0])
def test_a_joint_model_leaves_their_events_out(tmp_path, capsys, threshold):
    made = experiment(
        Shop(full_source=(2,), full_target=(3,)),
        tmp_path,
        backbone="conet(embedding_size=4,hidden=[8,4])",
        positive_above=threshold,
        meta_fraction=0.0,
    )
    users = made.all_users
    out = capsys.readouterr().out
    assert "1 of 12 users have met every source item" in out
    assert "1 of 12 users have met every target item" in out
    assert users.history.lengths[2] == 0 and users.history.lengths[3] > 0
    assert users.target.lengths[3] == 0 and users.target.lengths[2] > 0
    assert len(users.split) == len(users.target.values)
    assert len(made.examples.train) == 2 * len(users.target.values)
