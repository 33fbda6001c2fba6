"""docs/plugins.md, followed word for word in an empty folder."""

from __future__ import annotations

import pathlib
import re

import pytest

GUIDE = pathlib.Path(__file__).parents[2] / "docs" / "plugins.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"`([\w./]+)`")


def steps():
    """Files (name, text) and commands ("", line), in their order."""
    text = GUIDE.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        language, body = match.groups()
        if language == "sh":
            yield from (("", line) for line in body.splitlines())
        else:
            yield FILE.findall(text[: match.start()])[-1], body


@pytest.fixture(scope="module")
def followed(environment):
    """The environment at the end, and what each command printed."""
    told = {}
    for number, (name, text) in enumerate(steps()):
        if name:
            (environment.folder / name).write_text(text)
        else:
            told[f"{number}: {text}"] = environment.shell(text)
    return environment, told


def test_every_command_ends_well(followed):
    _, told = followed
    assert len(told) == 7
    for command, done in told.items():
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


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
    text = (GUIDE.parents[1] / "README.md").read_text(encoding="utf-8")
    shown = text.partition("# plugins/long_history.py\n")[2].partition("```")[0]
    path = GUIDE.parents[1] / "plugins" / "long_history.py"
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
