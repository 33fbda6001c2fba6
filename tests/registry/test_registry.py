from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tfxdr.errors import InputError
from tfxdr.registry import Registry, origins, spec_text, split_specs
from tfxdr.registry.origins import LoadedPlugin

if TYPE_CHECKING:
    from somewhere import Unknown


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch):
    monkeypatch.setattr(origins, "loaded_plugins", [])


@pytest.fixture
def policies() -> Registry:
    known = Registry(
        "policy", plural="policies", flag="policy", provided=("num_blocks",)
    )

    @known.register("gumbel")
    class Gumbel:
        """Straight-through Gumbel-softmax.

        More of it.
        """

        def __init__(
            self,
            num_blocks: int,
            temperature: float = 10.0,
            *,
            squash_logits: bool = False,
            encoder: str | None = None,
            dilations: Sequence[int] = (1, 2),
            mode: Literal["hard", "soft"] = "hard",
            steps=3,
            logger: Unknown = None,
        ):
            if temperature <= 0:
                raise ValueError(f"temperature must be > 0, is {temperature}")
            self.given = (num_blocks, temperature, squash_logits, encoder)
            self.dilations = dilations

    @known.register("last-N")
    def last(count: int, num_blocks: int = 8):
        """The last N blocks."""
        return count, num_blocks

    return known


class TestParse:
    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("gumbel", "gumbel"),
            (" gumbel ( ) ", "gumbel"),
            ("gumbel(temperature=5)", "gumbel(temperature=5.0)"),
            ("gumbel(squash_logits=True)", "gumbel(squash_logits=true)"),
            ("gumbel(squash_logits=FALSE)", "gumbel(squash_logits=false)"),
            ("gumbel(encoder=nextitnet)", "gumbel(encoder=nextitnet)"),
            ("gumbel(encoder=none)", "gumbel(encoder=none)"),
            ("gumbel(encoder='none')", "gumbel(encoder='none')"),
            (
                "gumbel(encoder=leave-one-out)",
                "gumbel(encoder='leave-one-out')",
            ),
            ("gumbel(encoder=gru(units=3))", "gumbel(encoder='gru(units=3)')"),
            ("gumbel(dilations=[1, 2,4])", "gumbel(dilations=[1,2,4])"),
            ("gumbel(dilations=(1,))", "gumbel(dilations=[1])"),
            ("gumbel(mode=soft)", "gumbel(mode=soft)"),
            (
                "gumbel(temperature=1e-3,encoder='a b')",
                "gumbel(encoder='a b',temperature=0.001)",
            ),
            ("last-2", "last-2"),
            ("last-02", "last-2"),
        ],
    )
    def test_canonical_text(self, policies, text, canonical):
        spec = policies.parse(text)
        assert str(spec) == canonical
        assert policies.parse(canonical) == spec
        assert hash(policies.parse(canonical)) == hash(spec)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "expected name"),
            ("gumbel(5)", "needs a name"),
            ("gumbel(**{})", "needs a name"),
            ("gumbel(temperature=)", "cannot read the options"),
            ("gumbel(encoder=/a/b c)", "in quotes"),
            ("gumbel(encoder=2-1)", "cannot read the value '2-1'"),
            ("gumbel(encoder=[x for x in y])", "cannot read the value"),
            ("gumbel(steps=1,steps=2)", "stands twice"),
            ("gumbel(steps=1)(steps=2)", "one name with options"),
            ("gumbel(temperature=warm)", "expected float, found 'warm'"),
            ("gumbel(temperature=true)", "expected float, found True"),
            ("gumbel(steps=1.5)", "expected int, found 1.5"),
            ("gumbel(squash_logits=1)", "expected bool, found 1"),
            ("gumbel(mode=medium)", "expected hard|soft"),
            ("gumbel(dilations=[1,a])", "expected int"),
            ("gumbel(dilations=4)", "expected list of int, found 4"),
            ("gumbel(num_blocks=3)", "from the program"),
            ("gumbel(logger=x)", "no option 'logger'"),
            ("last-2(count=3)", "no option 'count'"),
            ("last-N", "put a number for N: last-1"),
        ],
    )
    def test_refuses(self, policies, text, message):
        with pytest.raises(InputError) as caught:
            policies.parse(text)
        assert message in str(caught.value)
        assert "--policy" in str(caught.value)

    def test_unknown_option_names_the_closest_and_all(self, policies):
        with pytest.raises(InputError) as caught:
            policies.parse("gumbel(temprature=5)")
        message = str(caught.value)
        assert "did you mean 'temperature'?" in message
        assert "temperature=10.0, squash_logits=false" in message
        assert "num_blocks" not in message

    def test_unknown_name(self, policies):
        origins.loaded_plugins.append(LoadedPlugin("coin", "/x/coin.py"))
        with pytest.raises(InputError) as caught:
            policies.parse("gumble")
        message = str(caught.value)
        assert "unknown policy 'gumble'; did you mean 'gumbel'?" in message
        assert "policies: gumbel, last-N" in message
        assert "coin (/x/coin.py)" in message
        assert "--plugins=" in message

    def test_name_of_a_broken_plugin_raises_its_cause(self, policies):
        cause = ImportError("no module named torch")
        origins.loaded_plugins.append(
            LoadedPlugin(
                "coin",
                "/x/coin.py",
                ("coin", "flip-N"),
                cause,
            )
        )
        for name in ("coin", "flip-3"):
            with pytest.raises(InputError, match="no module named") as caught:
                policies.parse(name)
            assert caught.value.__cause__ is cause

    def test_list(self, policies):
        specs = policies.parse_list("gumbel(dilations=[1,2]), last-1")
        assert [str(spec) for spec in specs] == [
            "gumbel(dilations=[1,2])",
            "last-1",
        ]


class TestBuild:
    def test_options_and_provided(self, policies):
        built = policies.build("gumbel(temperature=5)", num_blocks=8)
        assert built.given == (8, 5.0, False, None)
        assert isinstance(built.given[1], float)
        assert built.dilations == (1, 2)

    def test_numbered(self, policies):
        assert policies.parse("last-2").build(num_blocks=4) == (2, 4)

    def test_missing_option(self, policies):
        with pytest.raises(InputError, match="needs the option num_blocks"):
            policies.build("gumbel")

    def test_value_that_the_component_refuses(self, policies):
        with pytest.raises(InputError, match="temperature must be > 0"):
            policies.build("gumbel(temperature=0)", num_blocks=8)

    def test_provided_that_the_component_does_not_take(self, policies):
        with pytest.raises(TypeError, match="does not take seed") as caught:
            policies.build("gumbel", num_blocks=8, seed=1)
        assert "test_registry.py" in str(caught.value)

    def test_option_that_is_provided(self, policies):
        with pytest.raises(InputError, match="from the program"):
            policies.build("gumbel(steps=1)", num_blocks=8, steps=2)

    def test_a_bug_is_no_input_error(self):
        known = Registry("policy")

        @known.register("buggy")
        def buggy():
            raise ValueError("a bug")

        with pytest.raises(ValueError, match="a bug") as caught:
            known.build("buggy")
        assert not isinstance(caught.value, InputError)

    def test_resolved_has_defaults(self, policies):
        resolved = policies.parse("gumbel(steps=5)").resolved()
        assert resolved["steps"] == 5
        assert resolved["temperature"] == 10.0
        assert "num_blocks" not in resolved

    def test_kwargs_take_what_is_provided_but_no_options(self):
        known = Registry("layer")
        known.register("wide", lambda units=1, **rest: (units, rest))
        assert known.build("wide(units=2)", trainable=True) == (
            2,
            {"trainable": True},
        )
        with pytest.raises(InputError, match="no option 'trainable'"):
            known.parse("wide(trainable=true)")

    def test_offered_to_a_base_that_takes_it(self):
        known = Registry("policy", offered=("run_seed",))

        class Base:
            def __init__(self, run_seed: int = 0):
                self.run_seed = run_seed

        class Handing(Base):
            def __init__(self, extra: float = 0.5, **kwargs):
                super().__init__(**kwargs)

        class Asking(Handing):
            def __init__(self):
                super().__init__()

        class Made(Base):
            def __new__(cls, *args, **kwargs):
                return super().__new__(cls)

        for factory, seed in ((Handing, 7), (Made, 7), (Asking, 0)):
            known.register(factory.__name__, factory)
            built = known.build(factory.__name__, run_seed=7)
            assert built.run_seed == seed

    def test_an_annotation_for_the_type_checker_is_that_of_the_default(self):
        known = Registry("policy")

        @known.register("sized")
        def sized(sizes: Unknown = (1, 2), made: Unknown = None):
            return sizes

        assert known.build("sized(sizes=[3])") == (3,)
        with pytest.raises(InputError, match="no option 'made'"):
            known.parse("sized(made=3)")

    def test_dataclass(self):
        known = Registry("dataset")

        @known.register("made")
        @dataclasses.dataclass
        class Made:
            users: int = 3

        assert known.build("made(users=4)") == Made(4)

    def test_keras_layer(self):
        from tensorflow import keras

        known = Registry("layer")

        @known.register("scaled")
        class Scaled(keras.layers.Layer):
            def __init__(self, scale: float = 1.0, **kwargs):
                super().__init__(**kwargs)
                self.scale = scale

        assert known.build("scaled(scale=2)", name="x").scale == 2.0


class TestRegister:
    def test_duplicate_names_both_places(self, policies):
        with pytest.raises(InputError) as caught:
            policies.register("gumbel", lambda: None)
        assert str(caught.value).count("test_registry.py:") == 2

    @pytest.mark.parametrize("name", ["last-3", "last-N"])
    def test_numbered_names_clash(self, policies, name):
        with pytest.raises(InputError, match="registered twice"):
            policies.register(name, lambda count: None)

    @pytest.mark.parametrize("name", ["", "a b", "-a", "a--b", "a_", "2a"])
    def test_malformed_name(self, policies, name):
        with pytest.raises(InputError, match="starts with a letter"):
            policies.register(name, lambda: None)

    def test_returns_what_it_registers(self, policies):
        def made():
            return 1

        assert policies.register("made", made) is made
        assert "made" in policies
        assert "last-7" in policies
        assert "last" not in policies

    def test_entries(self, policies):
        gumbel, last = policies.entries()
        assert gumbel.summary == "Straight-through Gumbel-softmax"
        options = {option.name: option for option in policies.options(gumbel)}
        assert list(options) == [
            "temperature",
            "squash_logits",
            "encoder",
            "dilations",
            "mode",
            "steps",
        ]
        assert str(options["dilations"]) == "dilations=[1,2]"
        assert options["steps"].annotation is int
        assert last.name == "last-N"
        assert policies.options(last) == ()


class TestSplit:
    def test_outside_brackets_and_quotes(self):
        text = "popularity, zero,gumbel(a=[1,2],b=(3,4)),x(c='a,(b')"
        assert split_specs(text) == (
            "popularity",
            "zero",
            "gumbel(a=[1,2],b=(3,4))",
            "x(c='a,(b')",
        )

    @pytest.mark.parametrize("text", ["", "a,", "a,,b", "a)", "a(", "a([)]"])
    def test_refuses(self, text):
        with pytest.raises(InputError):
            split_specs(text)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00")),
    lambda inner: st.lists(inner, max_size=3),
)
_OPTION_NAMES = st.from_regex(r"x_[a-z]{1,5}", fullmatch=True)


@example({"x_a": "'\""})  # both quotes: repr escapes one
@given(st.dictionaries(_OPTION_NAMES, _VALUES, max_size=4))
def test_rendered_options_read_back(options):
    text = spec_text.render_call("name-2", options)
    assert spec_text.parse_call(text) == ("name-2", options)
    assert split_specs(f"a,{text},b") == ("a", text, "b")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        spec_text.parse_call(text)
    except InputError:
        pass
