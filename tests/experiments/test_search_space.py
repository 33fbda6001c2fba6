"""What a search varies, as it is written."""

import pytest

from tfxdr.errors import InputError
from tfxdr.experiments.search_space import (
    Choice,
    Range,
    grid,
    parse_space,
    word,
)


def test_all_kinds_of_values():
    assert parse_space(
        "learning_rate=log(1e-4, 1e-2); batch_size=[64,256];"
        "--weight_decay=uniform(0,0.5);patience=int(2,9);"
        'policy=["gumbel(temperature=1)", all];pretrain_windows=[true,False]',
        "--search",
    ) == {
        "learning_rate": Range("log", 1e-4, 1e-2),
        "batch_size": Choice((64, 256)),
        "weight_decay": Range("uniform", 0, 0.5),
        "patience": Range("int", 2, 9),
        "policy": Choice(("gumbel(temperature=1)", "all")),
        "pretrain_windows": Choice((True, False)),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rte=[1]", "did you mean 'learning_rate'"),
        ("run=[a]", "expected OPTION=VALUES, found 'run="),
        ("learning_rate", "expected OPTION=VALUES"),
        ("", "expected OPTION=VALUES"),
        ("epochs=3", r"epochs: expected a list such as \[64,256\]"),
        ("epochs=[0,3]", "epochs: expected an integer of at least 1, found 0"),
        ("epochs=[a]", "epochs: expected an integer"),
        ("epochs=[3,3]", "stands twice"),
        ("epochs=[3];epochs=[4]", "epochs stands there twice"),
        ("epochs=int(1.5,3)", "expected whole numbers"),
        ("learning_rate=log(0,1)", "expected numbers above 0"),
        ("learning_rate=log(1,0.1)", "the lower one first"),
        ("learning_rate=log(1)", "expected two numbers"),
        ("lr_schedule=[cosin]", "one of constant, linear, cosine"),
    ],
)
def test_what_cannot_be_is_refused(text, message):
    with pytest.raises(InputError, match=f"--search: .*{message}"):
        parse_space(text, "--search")


def test_a_grid_is_every_combination():
    space = parse_space("epochs=[1,2];policy=[all,cls]", "--grid")
    assert list(grid(space)) == [
        {"epochs": 1, "policy": "all"},
        {"epochs": 1, "policy": "cls"},
        {"epochs": 2, "policy": "all"},
        {"epochs": 2, "policy": "cls"},
    ]
    with pytest.raises(InputError, match="a list of values of learning_rate"):
        list(grid(parse_space("learning_rate=log(1,2)", "--grid")))


def test_a_word_of_a_command_line():
    assert word("resume", True) == "--resume=true"
    assert word("learning_rate", 1e-5) == "--learning_rate=1e-05"
