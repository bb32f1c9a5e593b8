# ruff: noqa: INP001  # the site's builder loads it by its path
"""What the site does that the files in ``docs/`` do not say: two pages from the root, drawings in the page, no CDN."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_ROOT: Final = Path(__file__).resolve().parents[2]
#: Pages made of files outside ``docs/``. In the repository the links lead to the files, on the site to the pages.
_GENERATED: Final = {"CHANGELOG.md": "changelog.md", "LICENSE": "licence.md"}
_FROM_DOCS: Final = re.compile(rf"\]\(\.\./({'|'.join(map(re.escape, _GENERATED))})(?=[)#])")
_FROM_ROOT: Final = re.compile(r"\]\(docs/")
_DRAWING: Final = re.compile(r'<img alt="(?P<alt>[^"]*)" src="(?P<src>[^":]*\.svg)" ?/?>')
#: Where the theme's script would fetch what no page of ours uses: mermaid, and a polyfill for browsers of 2019.
_CDN: Final = re.compile(r"https://[\w.-]+/(?=mermaid|resize-observer)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of files outside ``docs/``."""
    for source, page in _GENERATED.items():
        text = (_ROOT / source).read_text()
        content = _FROM_ROOT.sub("](", text) if page == "changelog.md" else f"# Licence\n\n```text\n{text}```\n"
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to files of the root to their pages."""
    return _FROM_DOCS.sub(lambda link: f"]({_GENERATED[link[1]]}", markdown)


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Put drawings into the page itself, so that they take the colours that the reader has chosen."""
    folder = Path(str(page.file.abs_src_path)).parent
    return _DRAWING.sub(lambda image: (folder / _source(image["src"], page)).read_text(), html)


def on_post_build(config: MkDocsConfig) -> None:
    """Take the addresses of CDNs out of the theme's script, and the maps of its sources away."""
    scripts = Path(config.site_dir, "assets")
    for script in scripts.rglob("*.js"):
        script.write_text(_CDN.sub("/unbundled/", script.read_text()))
    for source_map in scripts.rglob("*.map"):
        source_map.unlink()


def _source(address: str, page: Page) -> str:
    """Give a drawing's path from the page's file; its address counts from the page's own folder on the site."""
    return address if page.file.name == "index" else address.removeprefix("../")
