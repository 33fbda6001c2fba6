"""A hook of MkDocs: pages and links that stand outside of docs/.

Markdown in the repository links as it lies there, so that it can be read
without the site. On the site the pages of the root stand beside those of
docs/, and what is no page, such as a source file, is named and not linked.
"""

from __future__ import annotations

import pathlib
import posixpath
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT = pathlib.Path(__file__).parent.parent
_PAGES = ("BUILD_NOTES.md", "CHANGELOG.md", "CONTRIBUTING.md")
_LINK = re.compile(r"(?<!!)\[([^]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the root."""
    for name in _PAGES:
        text = (_ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Follows each link through the repository to its page."""
    name = page.file.src_uri
    folder = posixpath.dirname(name)
    here = "" if name in _PAGES else posixpath.join("docs", folder)

    def replace(link: re.Match) -> str:
        text, path, anchor = link.groups(default="")
        if ":" in path:
            return link.group(0)
        target = posixpath.normpath(posixpath.join(here, path))
        page_of = target.removeprefix("docs/")
        if page_of in _PAGES or page_of != target:
            relative = posixpath.relpath(page_of, folder or ".")
            return f"[{text}]({relative}{anchor})"
        if not (_ROOT / target).exists():
            return link.group(0)  # strict mode says so
        named = target.endswith(text)
        return f"`{target}`" if named else f"{text} (`{target}`)"

    return _LINK.sub(replace, markdown)
