"""Components in Python: names() and create() of every kind."""

import pytest

import tfxdr
from tfxdr import registry
from tfxdr.errors import InputError, did_you_mean


@pytest.mark.parametrize("kind", [*tfxdr.COMPONENTS, *tfxdr._REGISTRIES])
def test_every_kind_names_its_components(kind, registries):
    package = getattr(tfxdr, kind)
    known = getattr(registry, kind)
    assert package.names() == tuple(e.name for e in known.entries())
    with pytest.raises(InputError, match="unknown"):
        package.create("no-such-name")


def test_options_stand_in_the_text_or_beside_it():
    one = tfxdr.backbones.create("sasrec(channels=32)", num_items=20)
    other = tfxdr.backbones.create("sasrec", channels=32, num_items=20)
    assert one.width == other.width == 32
    assert tfxdr.policies.create("last-2").static_actions(3) == (0, 1, 1)
    assert tfxdr.policies.create("gumbel", temperature=3).temperature == 3.0
    assert tfxdr.datasets.create("synthetic", users=7).users == 7


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("SASRec", {}, "did you mean 'sasrec'"),
        ("sasrec(Channels=3)", {}, "did you mean 'channels'"),
        ("sasrec", {"chanels": 3}, "did you mean 'channels'"),
        ("sasrec", {"channels": "3"}, "expected int, found '3'"),
        ("sasrec(channels=3)", {"channels": 3}, "give it once"),
        ("sasrec(num_items=3)", {}, "from the program"),
        ("sasrec", {}, "needs the option num_items"),
    ],
)
def test_mistakes_are_named(text, values, message):
    with pytest.raises(InputError, match=message):
        tfxdr.backbones.create(text, **values)


def test_a_near_name():
    assert did_you_mean("EPOCHS", ["epochs"]) == "; did you mean 'epochs'?"
    assert did_you_mean("xyz", ["epochs"]) == ""
    assert did_you_mean("Epoch", ["epochs"], "--").endswith("mean --epochs?")
