"""docs/plugins.md, followed word for word in an empty folder.

That is a large test; `test_coin_distribution` does as much with another plugin.
"""

from __future__ import annotations

import pytest
from documented import ROOT, Command, File, steps

GUIDE = ROOT / "docs" / "plugins.md"


@pytest.fixture(scope="module")
def followed(environment):
    """The environment at the end, and what each command printed."""
    told = {}
    for number, step in enumerate(steps(GUIDE)):
        if isinstance(step, File):
            (environment.folder / step.name).write_text(step.text)
        else:
            assert isinstance(step, Command), step
            told[f"{number}: {step.text}"] = environment.shell(step.text)
    return environment, told


@pytest.mark.large
def test_every_command_ends_well(followed):
    _, told = followed
    assert len(told) == 7
    for command, done in told.items():
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.large
def test_is_what_the_guide_says(followed):
    environment, told = followed
    tested, listed, ran, scripted, evaluated, _, published = told.values()
    assert "1 passed" in tested.stdout
    origin = str(environment.folder / "hard_gate.py")
    assert f"[hard_gate ({origin})]" in listed.stdout
    assert "| hard-gate(slope=0.25)" in ran.stdout
    folder = environment.folder / "runs" / "hard-gate"
    assert (folder / "utilization.png").is_file()
    for done in (scripted, evaluated):
        assert "| upper-half" in done.stdout
    whose = "[hard-gate (distribution tfxdr-hard-gate)]"
    assert whose in published.stdout


def test_the_readme_shows_the_first_example():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = text.partition("# plugins/long_history.py\n")[2].partition("```")[0]
    path = ROOT / "plugins" / "long_history.py"
    assert shown and path.read_text(encoding="utf-8").endswith(shown)


def test_has_every_kind_and_check():
    from tfxdr import registry, testing

    text = GUIDE.read_text(encoding="utf-8")
    for known in registry.ALL:
        assert (
            f"`tfxdr.{known.plural.replace(' ', '_').replace('-', '_')}`"
            in (text)
        )
    for check in testing.__all__:
        assert f"`{check}`" in text
