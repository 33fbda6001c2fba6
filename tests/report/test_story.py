"""Sentences say what the numbers show, and no more."""

import numpy as np
import pytest

from tfxdr.evaluation import Actions, BehaviorWeights, Ranking
from tfxdr.evaluation.groups import Groups
from tfxdr.evaluation.score import Score
from tfxdr.report.story import (
    Told,
    decisions_text,
    lessons,
    metrics_text,
    star_text,
    user_text,
    weights_text,
)
from tfxdr.report.subjects import (
    BEHAVIORS,
    CHANCE,
    COUNTED,
    LEARNED,
    RULE,
    SCRATCH,
    TOLD,
    USERS,
)


def flat(text):
    return " ".join(text.split())


def ranking(ranks, users=None):
    count = len(ranks)
    users = np.arange(count) if users is None else np.asarray(users)
    return Ranking(
        users.astype(np.int32),
        np.full(count, 2, np.int32),
        np.asarray(ranks, np.int32),
    )


def told(name, family, ranks, users=None):
    return Told(name, family, Score.of_hits(ranking(ranks, users), 5))


def hits_of(name, family, share, count=1000):
    """The first `share` of the instances are right."""
    return told(name, family, right(share, count))


def right(share, count=1000):
    return np.where(np.arange(count) < share * count, 1, 99)


def decided(rows):
    rows = np.asarray(rows, np.float32)
    number = np.arange(len(rows), dtype=np.int32)
    return Actions(number, rows, number)


class TestDifference:
    def test_by_hand(self):
        """Gains 1, 0, 1, 0: the mean is 1/2, each residual 1/2."""
        left = told("a", RULE, [1, 9, 1, 9])
        right = told("b", RULE, [9, 9, 9, 9])
        mean, error = left.score.less(right.score)
        assert mean == 0.5
        assert error == pytest.approx(np.sqrt(4 * 0.25) / 4)

    def test_a_users_instances_are_one_cluster(self):
        """Residuals of two users add up to +1 and -1."""
        users = [0, 0, 1, 1]
        left = told("a", RULE, [1, 1, 9, 9], users)
        right = told("b", RULE, [9, 9, 9, 9], users)
        assert left.score.less(right.score) == (
            0.5,
            pytest.approx(np.sqrt(2.0) / 4),
        )

    def test_of_other_instances(self):
        with pytest.raises(ValueError, match="the same instances"):
            told("a", RULE, [1, 2], [0, 1]).score.less(
                told("b", RULE, [1, 2], [0, 2]).score
            )


class TestLessons:
    def test_each_answer_follows_from_its_difference(self):
        rows = [
            hits_of("knn", COUNTED, 0.5),
            hits_of("zero", SCRATCH, 0.2),
            hits_of("all", RULE, 0.4),
            hits_of("random", CHANCE, 0.4),
            hits_of("gumbel", LEARNED, 0.4),
        ]
        lines = flat(lessons(rows, USERS)).split("- ")[1:]
        assert len(lines) == 4
        assert "all 0.400, knn 0.500, a difference of -0.100" in lines[0]
        assert "below what is counted" in lines[0]
        assert "taught helps" in lines[1]
        assert "level with the best rule" in lines[2]
        assert "decisions by chance do as well" in lines[3]

    def test_a_gain_of_deciding(self):
        rows = [hits_of("all", RULE, 0.4), hits_of("gumbel", LEARNED, 0.6)]
        text = flat(lessons(rows, USERS))
        assert "+0.200 with a standard error of 0.013" in text
        assert "it beats every rule" in text
        assert "Pre-training" not in text

    def test_the_best_of_a_family_answers(self):
        rows = [
            hits_of("cls", RULE, 0.1),
            hits_of("all", RULE, 0.6),
            hits_of("soft", LEARNED, 0.4),
        ]
        text = flat(lessons(rows, USERS))
        assert "all 0.600" in text and "cls" not in text
        assert "the best rule for all users is better" in text

    def test_the_head_room_is_shared_out(self):
        rows = [
            hits_of("cls", RULE, 0.1),
            hits_of("all", RULE, 0.4),
            hits_of("oracle", TOLD, 0.6),
            hits_of("soft", LEARNED, 0.5),
            hits_of("gumbel", LEARNED, 0.45),
        ]
        text = flat(lessons(rows, USERS))
        assert "oracle is told who is who and has +0.200 over all" in text
        assert "recovered: soft 0.50, gumbel 0.25." in text
        # It is a ceiling, no competitor of those that learn.
        assert "soft 0.500, oracle" not in text

    def test_without_head_room_there_is_nothing_to_decide(self):
        rows = [
            hits_of("all", RULE, 0.4),
            hits_of("oracle", TOLD, 0.4),
            hits_of("soft", LEARNED, 0.4),
        ]
        assert "oracle is not above all" in flat(lessons(rows, USERS))

    def test_nothing_to_compare(self):
        assert lessons([hits_of("all", RULE, 0.4)], USERS) == ""


class TestStar:
    def test_names_those_that_are_level(self):
        best = hits_of("soft", LEARNED, 0.6)
        close = told("gumbel", LEARNED, np.roll(right(0.6), 5))
        far = hits_of("all", RULE, 0.4)
        text = flat(star_text([far, best, close]))
        assert "it is soft; gumbel cannot be told from it" in text

    def test_a_clear_best(self):
        rows = [hits_of("all", RULE, 0.4), hits_of("soft", LEARNED, 0.6)]
        assert "to every other row" in flat(star_text(rows))


def test_metrics_are_spelt_out():
    keys = ["hr@5", "mrr@5/uni99", "ndcg@10", "auc"]
    text = flat(metrics_text(keys, ranking([1, 2, 3], [0, 0, 4]), 120))
    assert "3 target events of 2 users" in text
    assert "all 120 target items" in text
    assert "HR@5: the share of them that is among its user's first 5." in text
    assert "MRR@5: the mean of 1/rank, 0 below rank 5, each among 99" in text
    assert "0 below rank 10." in text
    assert "AUC: the chance that a random positive example" in text


class TestDecisions:
    actions = decided([[1, 0], [1, 0], [0, 1], [0, 1], [1, 1]])
    tuned = np.array([True, True, False, False, False])
    groups = Groups({"new": tuned, "old": ~tuned}, "new")

    def test_rates_of_groups(self):
        rates = self.actions.rates_by_group(self.groups)
        np.testing.assert_allclose(rates["new"], [1, 0])
        np.testing.assert_allclose(rates["old"], [1 / 3, 1])

    def test_a_group_without_test_users_is_left_out(self):
        groups = Groups({**self.groups.members, "none": np.zeros(5, bool)})
        assert list(self.actions.rates_by_group(groups)) == ["new", "old"]

    def test_every_block_is_judged(self):
        """Block 1: 2 pairs of 6 are ties; block 2 has it the wrong way."""
        assert self.actions.block_aucs(self.groups) == pytest.approx([5 / 6, 0])

    def test_users_of_whom_nothing_is_known_are_not_judged(self):
        known = np.array([True, True, True, False, False])
        groups = Groups({"new": self.tuned, "old": ~self.tuned & known}, "new")
        assert self.actions.block_aucs(groups) == pytest.approx([1, 0])

    def test_users_who_are_all_alike_are_not_judged(self):
        everybody = np.ones(5, bool)
        groups = Groups({"new": everybody, "old": ~everybody}, "new")
        assert self.actions.block_aucs(groups) == []

    def test_text(self):
        text = flat(decisions_text({"gumbel": self.actions}, self.groups))
        assert text == (
            "- gumbel tunes a share of 0.50 for new and 0.67 for old users' "
            "blocks; block 1 tells them apart best, with an AUC of 0.833 (0.5 "
            "is by chance, 1 without a mistake), of all blocks 0.833, 0.000."
        )

    def test_without_a_truth_nothing_is_judged(self):
        groups = Groups(self.groups.members)
        assert "AUC" not in decisions_text({"gumbel": self.actions}, groups)


class TestWeights:
    """Items 2 and 3 are bad, 4 and 5 good; of 6 nothing is known."""

    item = np.arange(2, 7, dtype=np.int32)
    weights = BehaviorWeights(
        np.zeros(5, np.int32),
        item,
        np.full(5, 2, np.int32),
        np.log([1, 2, 2, 4, 1]).astype(np.float32),
    )
    bad = np.array([True, True, False, False, False])
    good = np.array([False, False, True, True, False])

    def test_text(self):
        groups = Groups({"bad": self.bad, "good": self.good}, "good")
        assert flat(weights_text({"bip": self.weights}, groups)) == (
            "- bip gives a mean weight of 0.75 for bad and 1.50 for good "
            "behaviors, where 1 is the average behavior's; the weights tell "
            "them apart with an AUC of 0.875 (0.5 is by chance, 1 without a "
            "mistake)."
        )

    def test_without_a_truth_nothing_is_judged(self):
        groups = Groups({"bad": self.bad, "good": self.good})
        assert "AUC" not in weights_text({"bip": self.weights}, groups)

    def test_what_rows_teach(self):
        rows = [
            hits_of("none", RULE, 0.4),
            hits_of("oracle", TOLD, 0.6),
            hits_of("bip", LEARNED, 0.5),
        ]
        text = flat(lessons(rows, BEHAVIORS))
        assert "beats every rule here that is the same for all beh" in text
        assert "oracle is told which is which and has +0.200 over none" in text
        assert "recovered: bip 0.50." in text


def test_a_user_is_told_in_titles():
    text = user_text(
        "u1",
        "new",
        history=[f"a title of three words {i}" for i in range(5)],
        actions="tuned blocks: 1 of 2 (block1)",
        recommended=["one", "two"],
        held_out=["two", "three"],
    )
    lines = text.splitlines()
    assert lines[0] == "u1, new"
    assert max(map(len, lines)) <= 80
    # Titles are not torn.
    assert flat(text).count("a title of three words") == 5
    assert all(not line.endswith("three") for line in lines[1:4])
    assert "recommended: 1. one; 2. two (held out)" in text
    assert "held out: two; three" in text


def test_ids_and_titles_command_no_terminal():
    text = user_text(
        "u\x1b[31m",
        "old\n",
        history=["\x1b]0;a film\x07"],
        actions="",
        recommended=["\r hidden"],
        held_out=["fine \u202e"],
    )
    assert not set(text) & set("\x1b\x07\r\u202e")
    assert "u\\x1b[31m" in text and "\\r hidden" in text
