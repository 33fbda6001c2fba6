"""A preset stands for a flagfile that comes with the package."""

import pytest

from tfxdr import main
from tfxdr import options as option_module
from tfxdr.errors import InputError
from tfxdr.options import presets


def parsed(*words):
    return option_module.parse(presets.expanded(["tfxdr", *words]))


def test_names():
    names = presets.names()
    assert {"demo", "movielens-1m", "anchors/sasrec"} <= set(names)
    assert "uaf/table2/movielens/gumbel" in names
    assert not [name for name in names if name.startswith("shared/")]


@pytest.mark.parametrize("words", [["--preset=demo"], ["--preset", "demo"]])
def test_a_preset_is_a_flagfile(words):
    options = parsed(*words)
    assert options.data.dataset.startswith("planted-policies(")
    assert options.run.run == "runs/demo"


def test_what_follows_wins():
    options = parsed("--preset=demo", "--seed=7", "--policy=all")
    assert options.seed == 7
    assert options.model.policy == "all"
    assert options.finetune.epochs == 8


def test_one_in_a_folder():
    assert parsed("--preset=anchors/sasrec").run.mode == "pretrain"


@pytest.mark.parametrize("word", ["--preset=dmo", "--preset=", "--preset"])
def test_an_unknown_one_lists_those_there_are(word, capfd):
    assert main.main(["tfxdr", word]) == 1
    message = capfd.readouterr().err
    assert "--preset: expected one of amazon-food-kitchen" in message
    assert "demo" in message and "Traceback" not in message
    assert "below anchors, bip, " in message and "table3" not in message


def test_no_way_out_of_the_folder():
    with pytest.raises(InputError, match="expected one of"):
        presets.expanded(["tfxdr", "--preset=../presets/demo"])


def test_one_made_of_parts_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = parsed("--preset=uaf/table5/movielens/soft-gru")
    assert options.model.policy == "soft"
    assert options.model.policy_network == "gru"
    assert options.data.data_path == "ml-25m"
