"""What the pages and the flagfiles tell people to type, as they are written."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "plugins" / "coin_distribution" / "README.md",
    ROOT / "tfxdr" / "presets" / "uaf" / "README.md",
)
# Folders of flagfiles that are rows of tables, and of what rows are made of.
# tests/e2e/test_tables.py has them: to run each would take too long.
TABLES = (
    *("uaf", "uaf-small", "planted-policies", "planted", "semi-planted"),
    *("bip", "real"),
)
PARTS = "shared"
# Sweeps of tables, which take hours; tests/e2e/test_tables.py reads them.
SWEEPS = sorted((ROOT / "flags" / "results").glob("*.flags"))
_NOT_RUN_HERE = (*TABLES, PARTS, "results")
FLAGFILES = (
    *(
        path
        for path in sorted((ROOT / "flags").rglob("*.flags"))
        if path.relative_to(ROOT / "flags").parts[0] not in _NOT_RUN_HERE
    ),
    *sorted((ROOT / "plugins").rglob("*.flags")),
)

# How commands begin that this package does not answer, and why none is run.
NOT_RUN = {
    "make": "it installs, or runs this suite; see what a target stands for",
    ".ci/run": "it runs this suite",
    "pip install": "it fetches from an index; tests/test_installation.py",
    "python -m pip install pre-commit": "it fetches from an index",
    "pre-commit install": "it writes into the repository's .git",
    ".venv/bin/python -m pytest": "this suite is under way",
    "tensorflow_model_server": "no wheel has it; the export is loaded in C++ "
    "as the server does by tests/serving/test_client.py",
    "docker run": "it fetches an image; as tensorflow_model_server",
    "curl": "it needs the server; what it sends is put to the export",
    "kubectl": "it needs a cluster of machines",
    "python -m tfxdr.main --distribute": "it needs devices or machines; "
    "tests/e2e/test_distributed.py",
}
# Pages whose commands need an environment of their own.
IN_AN_ENVIRONMENT = {
    "docs/spark.md": "tests/data/engines/test_page.py",
    "docs/plugins.md": "tests/plugins/test_guide.py",
    "plugins/coin_distribution/README.md": (
        "tests/plugins/test_coin_distribution.py"
    ),
    "plugins/coin_distribution/coin.flags": (
        "tests/plugins/test_coin_distribution.py"
    ),
}

# Pages of which more is asked than that their commands run.
OWN_TEST = {
    "docs/own-data.md": "tests/e2e/test_own_data_page.py",
    "docs/python.md": "tests/e2e/test_python_page.py",
}

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`((?:tfxdr|python -m tfxdr\.main|make)\s[^`]+)`")
_PUT_INTO = re.compile(r"\binto\s+`([\w./]+)`:\s*\Z")
_NAMED = re.compile(r"\A# (\S+\.py)\n")
_CONTINUED = re.compile(r"\\\n\s*")
_IN_HEADER = re.compile(
    r"^#   (python -m tfxdr\.main .*\n(?:#     .*\n)*)", re.MULTILINE
)
_DATA_PATH = re.compile(r"^#.*(--data_path=\S+)", re.MULTILINE)
_PROGRAMS = (["python", "-m", "tfxdr.main"], ["tfxdr"])


@dataclasses.dataclass(frozen=True)
class Command:
    """A line for a shell, where it stands, without the prompt."""

    where: str
    text: str
    from_comment: bool = False

    @property
    def words(self) -> list[str]:
        """As a shell splits them, without variables that are set before."""
        words = shlex.split(self.text, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            del words[0]
        return words

    @property
    def arguments(self) -> list[str] | None:
        """What this package is given; none if another program is called."""
        words = self.words
        if any(word.startswith("--distribute=") for word in words):
            return None
        if words[:1] == ["make"]:
            words = _recipe(words[1])
        for program in _PROGRAMS:
            if words[: len(program)] == program:
                return words[len(program) :]
        return None

    @property
    def not_run_because(self) -> str | None:
        text = " ".join(self.words)
        begun = [known for known in NOT_RUN if f"{text} ".startswith(known)]
        if self.arguments is not None:
            return None
        return NOT_RUN[begun[0]] if begun else None


@dataclasses.dataclass(frozen=True)
class File:
    """A block that a page has put into a file."""

    where: str
    name: str
    text: str


@dataclasses.dataclass(frozen=True)
class Code:
    """A block of Python that goes on where the one before it ended."""

    where: str
    text: str


@dataclasses.dataclass(frozen=True)
class Shown:
    """A block that is read alone."""

    where: str
    text: str


Step = Command | File | Code | Shown


def name(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def steps(page: pathlib.Path) -> Iterator[Step]:
    """What a page has its reader do, in its order."""
    text = page.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        language, body = block.groups()
        before = text[: block.start()]
        where = f"{name(page)}:{before.count(chr(10)) + 2}"
        named = _PUT_INTO.search(before) or _NAMED.match(body)
        if language == "sh":
            yield from _commands(where, body)
        elif named:
            yield File(where, named[1], body)
        elif language == "python":
            yield Code(where, body)
        else:
            yield Shown(where, body)


def commands(page: pathlib.Path) -> list[Command]:
    return [step for step in steps(page) if isinstance(step, Command)]


def in_prose(page: pathlib.Path) -> list[Command]:
    """Commands between the words of a page."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    spans = [" ".join(span.split()) for span in _SPAN.findall(text)]
    return [Command(name(page), span) for span in spans]


def _commands(where: str, body: str) -> Iterator[Command]:
    for line in _CONTINUED.sub("", body).splitlines():
        yield Command(where, line)


def flagfile_commands(path: pathlib.Path) -> list[Command]:
    """A flagfile by itself, then the commands of its comments.

    By itself it is given the folder of files that its comments ask for.
    """
    text, where = path.read_text(encoding="utf-8"), name(path)
    alone = f"python -m tfxdr.main --flagfile={where}"
    given = _DATA_PATH.search(text)
    lines = [
        " ".join(line.replace("\n#", " ").split())
        for line in _IN_HEADER.findall(text)
    ]
    return [
        Command(where, f"{alone} {given[1]}" if given else alone),
        *(Command(where, line, from_comment=True) for line in lines),
    ]


def _recipe(target: str) -> list[str]:
    """The first command of a target of the Makefile, if it has no others
    than those of presets, whose flagfiles are run by themselves."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(target)}:.*\n((?:\t.*\n)*)", text, re.M)
    assert found, f"the Makefile has no target {target}"
    lines = found[1].replace("$(VENV)/bin/", "").splitlines()
    own = len(lines) == 1 or all("--preset=" in line for line in lines)
    return shlex.split(lines[0]) if own else []
