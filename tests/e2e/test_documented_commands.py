"""What pages and flagfiles tell people to type is run as it stands.

In a folder with small files of the names and layouts that they name. Training
is shortened by options behind a command's own; nothing else is changed.
"""

from __future__ import annotations

import importlib.util
import json
import re

import pytest
from documented import (
    FLAGFILES,
    IN_AN_ENVIRONMENT,
    NOT_RUN,
    OWN_TEST,
    PAGES,
    ROOT,
    Code,
    Command,
    Shown,
    commands,
    flagfile_commands,
    in_prose,
    name,
    steps,
)
from following import Reader

from tfxdr.experiments.start import is_joint
from tfxdr.registry.spec_text import split_specs

pytestmark = pytest.mark.filterwarnings("ignore:Even though.*run_functions_eag")

_PAGES = [
    page
    for page in PAGES
    if name(page) not in {*IN_AN_ENVIRONMENT, *OWN_TEST}
    if any(isinstance(step, Code | Command) for step in steps(page))
]
# The first has sweeps, which `test_sweep` and `test_tables` run, too.
_LARGE = (
    "docs/comparing.md",
    "docs/evaluation.md",
    "docs/joint-models.md",
    "docs/options.md",
    "docs/serving.md",
    "flags/amazon-food-kitchen.flags",
    "flags/ciao-dvds-books.flags",
    "flags/demo-scarce.flags",
    "flags/movielens-1m-frozen.flags",
    "flags/movielens-1m-uaf.flags",
    "plugins/budget_policy.flags",
    "plugins/long_history.flags",
    "plugins/running_mean_backbone.flags",
)
# The README runs the one of the demo, by its preset.
_FLAGFILES = [
    path
    for path in FLAGFILES
    if name(path) not in {*IN_AN_ENVIRONMENT, "flags/demo.flags"}
]


@pytest.fixture
def reader(tmp_path, registries):
    return Reader(tmp_path, hurried=True)


def _each(paths):
    """A test for each, those that take long marked."""
    return [
        pytest.param(
            path,
            marks=[pytest.mark.large] if name(path) in _LARGE else [],
            id=name(path),
        )
        for path in paths
    ]


@pytest.mark.parametrize("page", _each(_PAGES))
def test_page(page, reader):
    told = list(steps(page))
    reader.follow(told)
    if name(page) == "docs/serving.md":
        _is_answered_as_shown(told, reader)


def _is_answered_as_shown(told, reader):
    """But for the numbers, which a longer training gave."""
    (shown,) = (
        json.loads(x.text)
        for x in told
        if isinstance(x, Shown) and x.text.startswith("{")
    )
    (answer,) = (
        json.loads(text)
        for command, text in reader.told.items()
        if command.startswith("curl")
    )
    for one, other in zip(
        shown["predictions"], answer["predictions"], strict=True
    ):
        assert set(one) == set(other)
        for key, values in one.items():
            assert len(values) == len(other[key])
            assert {type(x) for x in values} == {type(x) for x in other[key]}


@pytest.mark.parametrize("path", _each(_FLAGFILES))
def test_flagfile(path, reader):
    """From the root of the repository."""
    if path.stem.startswith("sparsemax"):
        if importlib.util.find_spec("tensorflow_addons") is None:
            pytest.skip("only the addons stack has tensorflow-addons")
    for folder in ("flags", "plugins"):
        (reader.folder / folder).symlink_to(ROOT / folder)
    different = {
        reader.parsed(command.arguments): command
        for command in flagfile_commands(path)
    }
    reader.follow(different.values())
    for parsed, command in different.items():
        for row in _rows(parsed):
            assert row in reader.told[command.text]


def _rows(parsed):
    """Beginnings of lines of what a command has to print."""
    if parsed.run.mode == "pretrain":
        return ["test/ndcg@10"]
    compared = parsed.joint.meta if is_joint(parsed) else parsed.model.policy
    names = [spec.partition("(")[0] for spec in split_specs(compared)]
    return [f"| {name}" for name in names]


class TestNothingIsLeftOut:
    @pytest.mark.parametrize("page", PAGES, ids=name)
    def test_a_command_is_run_or_there_is_a_reason(self, page):
        if name(page) in IN_AN_ENVIRONMENT:
            return
        for command in commands(page):
            ran = command.arguments is not None
            assert ran or command.not_run_because, command

    @pytest.mark.parametrize("page", PAGES, ids=name)
    def test_a_command_in_prose_parses(self, page, tmp_path):
        reader = Reader(tmp_path)
        for command in in_prose(page):
            if command.arguments is not None:
                reader.parsed(command.arguments)

    def test_every_example_has_a_flagfile(self):
        examples = {path.stem for path in (ROOT / "plugins").glob("*.py")}
        assert examples and examples <= {path.stem for path in FLAGFILES}

    def test_every_reason_is_needed(self):
        texts = [
            " ".join(command.words)
            for page in PAGES
            for command in commands(page)
        ]
        assert not [
            begun
            for begun in NOT_RUN
            if not any(text.startswith(begun) for text in texts)
        ]

    def test_pages_are_those_that_have_commands(self):
        folders = ("docs", "plugins", "benchmarks", "tests", "tfxdr")
        pages = [path for path in ROOT.glob("*.md")]
        pages += [
            x for folder in folders for x in (ROOT / folder).rglob("*.md")
        ]
        assert not [
            name(page)
            for page in pages
            if page not in PAGES and "```" in page.read_text(encoding="utf-8")
        ]

    @pytest.mark.parametrize("page", PAGES, ids=name)
    def test_blocks_are_of_a_kind_that_is_known(self, page):
        text = page.read_text(encoding="utf-8")
        marks = re.findall(r"^[ >]*```(.*)$", text, re.MULTILINE)
        assert set(marks[::2]) <= {"sh", "python", "toml", "json", ""}
        assert not any(marks[1::2])
        assert len(re.findall("^```", text, re.MULTILINE)) == len(marks)

    @pytest.mark.parametrize("path", FLAGFILES, ids=name)
    def test_comments_of_flagfiles_are_read(self, path):
        text = path.read_text(encoding="utf-8")
        told = [
            command
            for command in flagfile_commands(path)
            if command.from_comment
        ]
        assert len(told) == len(re.findall(r"tfxdr\.main|tfxdr --", text))

    @pytest.mark.parametrize("page", [*IN_AN_ENVIRONMENT, *OWN_TEST])
    def test_other_tests_follow_their_page(self, page):
        test = {**IN_AN_ENVIRONMENT, **OWN_TEST}[page]
        text = (ROOT / test).read_text(encoding="utf-8")
        assert page in text or page.rpartition("/")[2] in text
