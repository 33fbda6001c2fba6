"""What is said where tensorflow-addons is missing, and of wrong options."""

from __future__ import annotations

import sys

import pytest

from tfxdr.errors import InputError
from tfxdr.registry import callbacks, class_metrics, optimizers
from tfxdr.training.parameters import OptimizerSettings


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_addons", None)


@pytest.mark.usefixtures("missing")
class TestMissing:
    @pytest.mark.parametrize(
        "text",
        [
            "lamb",
            "radam",
            "lookahead",
            "moving-average",
            "swa",
            "multi(pretrained=1e-5,new=1e-3)",
        ],
    )
    def test_optimizer(self, text):
        settings = OptimizerSettings(optimizers.parse(text), 0.1)
        self._expect(f"--optimizer={text.partition('(')[0]}", settings.check)

    @pytest.mark.parametrize("text", ["f1", "matthews", "cohen-kappa"])
    def test_class_metric(self, text):
        spec = class_metrics.parse(text)
        self._expect(
            f"--class_metrics={text}", lambda: spec.build(num_classes=3)
        )

    @pytest.mark.parametrize(
        "text", ["time-stopping(seconds=9)", "progress-bar"]
    )
    def test_callback(self, text):
        name = text.partition("(")[0]
        self._expect(f"--callbacks={name}", callbacks.parse(text).build)

    def _expect(self, asker, act):
        with pytest.raises(InputError) as error:
            act()
        assert str(error.value).startswith(f"{asker} needs tensorflow-addons")
        assert 'pip install "tfxdr[addons]"' in str(error.value)
        assert "Python 3.10 or 3.11" in str(error.value)


class TestRefused:
    @pytest.fixture(autouse=True)
    def stack(self):
        pytest.importorskip(
            "tensorflow_addons", reason="only the addons stack has it"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("lookahead(sync_period=0)", "sync_period should be >= 1"),
            ("lookahead(slow_step_size=2)", r"slow_step_size should be in"),
            ("moving-average(decay=1.5)", r"decay should be in \[0, 1\]"),
            ("moving-average(start=-1)", "start should be >= 0"),
            ("swa(period=0)", "period should be >= 1"),
            ("multi(pretrained=0)", "pretrained should be above 0"),
            ("multi(pretrained=1e-5,new=-1)", "new should be above 0"),
            ("multi", "needs the option pretrained"),
            ("swa(inner=adamw)", r"expected adam\|sgd\|lamb\|radam"),
        ],
    )
    def test_option(self, text, message):
        with pytest.raises(InputError, match=f"--optimizer=.*{message}"):
            OptimizerSettings(optimizers.parse(text), 0.1).check()

    @pytest.mark.parametrize("flag", ["pretrained", "policy"])
    def test_rates_beside_multi(self, flag):
        settings = OptimizerSettings(
            optimizers.parse("multi(pretrained=0.1)"),
            0.1,
            **{f"{flag}_learning_rate": 0.2},
        )
        with pytest.raises(InputError, match=f"--{flag}_learning_rate=0.2"):
            settings.check()

    @pytest.mark.parametrize("name", ["lookahead", "swa", "moving-average"])
    def test_weight_decay_of_an_inner_one_without(self, name):
        settings = OptimizerSettings(
            optimizers.parse(name), 0.1, weight_decay=0.01
        )
        with pytest.raises(InputError, match="inner=adam.*inner=lamb"):
            settings.check()

    def test_callback_option(self):
        with pytest.raises(InputError, match="seconds should be >= 1"):
            callbacks.build("time-stopping(seconds=0)")
        with pytest.raises(InputError, match="needs the option seconds"):
            callbacks.build("time-stopping")
