"""README, docs/ and what contributors need: they build, and point somewhere."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parent.parent
_PAGES = (*_ROOT.glob("*.md"), *sorted((_ROOT / "docs").rglob("*.md")))
_CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_FETCHED = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*?"
    r"\b(?:src|href)=[\"'](?:https?:)?//[^\"']*[^>]*>"
)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _name(path: pathlib.Path) -> str:
    return path.relative_to(_ROOT).as_posix()


def _prose(path: pathlib.Path) -> str:
    return _CODE.sub("", path.read_text(encoding="utf-8"))


def _anchors(path: pathlib.Path) -> set[str]:
    """Of the headings, as sites make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(_prose(path))
    }


def test_readme_takes_ten_minutes():
    lines = (_ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 200


@pytest.mark.parametrize("path", _PAGES, ids=_name)
def test_links_lead_somewhere(path):
    for link in _LINK.findall(_prose(path)):
        if ":" in link:
            continue
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        assert file.exists(), f"{_name(path)}: {link} leads nowhere"
        if anchor:
            assert anchor in _anchors(file), f"{_name(path)}: no {link}"


def test_hooks_and_dev_extra_pin_the_same_ruff():
    pinned = [
        set(re.findall(r"ruff==([\d.]+)", (_ROOT / name).read_text()))
        for name in ("setup.py", ".pre-commit-config.yaml")
    ]
    assert pinned[0] == pinned[1] and len(pinned[0]) == 1


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages, built as by make docs: a warning is an error."""
    needed = ("mkdocs", "material", "mkdocstrings_handlers")
    missing = [name for name in needed if not importlib.util.find_spec(name)]
    if missing:
        pytest.skip(f"needs mkdocs-material and mkdocstrings: no {missing}")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"]
        + ["--site-dir", str(folder)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_pages_fetch_nothing(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) == len(_PAGES)  # README is none of them, 404 is one
    for page in pages:
        found = _FETCHED.search(page.read_text(encoding="utf-8"))
        assert not found, f"{page.name}: {found}"


def test_reference_has_what_is_public(site):
    import tfxdr

    reference = "".join(
        page.read_text(encoding="utf-8")
        for page in (site / "api").glob("*.html")
    )
    for name in (*tfxdr._PUBLIC, "registry", "serving", "testing"):
        assert f"tfxdr.{name}" in reference, name
