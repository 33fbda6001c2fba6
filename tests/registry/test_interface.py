"""Plugins for another version of the interface."""

from __future__ import annotations

import pytest
from written import COIN, write

from tfxdr import registry
from tfxdr.errors import InputError
from tfxdr.registry import plugins
from tfxdr.registry.interface import INTERFACE, require_interface


class TestInterface:
    @pytest.mark.parametrize("version", ["1.0", INTERFACE])
    def test_of_this_version(self, version):
        require_interface(version)

    @pytest.mark.parametrize(
        ("version", "remedy"),
        [
            ("0.9", "a newer plugin"),
            ("2.0", "a newer tfxdr"),
            ("1.99", "a newer tfxdr"),
        ],
    )
    def test_of_another_is_refused_with_a_sentence(
        self, tmp_path, version, remedy
    ):
        text = f'import tfxdr\ntfxdr.require_interface("{version}")\n{COIN}'
        (plugin,) = plugins.load_plugins([write(tmp_path, "old.py", text)])
        assert f"written for version {version} of tfxdr's" in str(plugin)
        assert remedy in str(plugin)
        assert "coin" not in registry.losses
        with pytest.raises(InputError, match="old.py.* was written for"):
            registry.losses.parse("coin")

    @pytest.mark.parametrize("version", ["1", "1.0.0", "one"])
    def test_no_version(self, version):
        with pytest.raises(ValueError, match="two numbers, like '1.0'"):
            require_interface(version)
