"""The documentation as a site: it builds without a warning, every page is found, every link leads somewhere, and it needs
nothing from elsewhere."""

from __future__ import annotations

import http.server
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from attrs import define, field
from browser import browsing
from e2e_tools import ROOT, run
from mkdocs.config import load_config

#: Pages of every kind: prose, wide tables, long lines of code, reference, a drawing.
LOOKED_AT = [
    "",
    "choose-a-transport/",
    "coming-from-typescript/",
    "contract/",
    "how-an-event-travels/",
    "reference/agents-and-tools/",
    "reference/errors/",
]
PHONE = 360
#: WCAG 2.2 AA, for text of ordinary size.
READABLE = 4.5
#: Pages that the site makes of files of the root.
GENERATED = {"changelog.md", "licence.md"}
_ABSOLUTE = re.compile(r"(?:https?:)?//")
#: What a style sheet loads.
_LOADED = re.compile(r"""(?:url\(|@import\s+)["']?([^"')\s]+)""")
#: The address of a script or a style sheet at somebody else's.
_FOREIGN = re.compile(r"""["'`]https?://[^"'`\s]*\.(?:m?js|css|wasm)\b""")


@define
class Page(HTMLParser):
    """What a page links to, what it loads, and which anchors it has."""

    path: Path
    links: list[str] = field(factory=list)
    loaded: list[str] = field(factory=list)
    anchors: set[str] = field(factory=set)
    classes: set[str] = field(factory=set)
    metas: dict[str, str] = field(factory=dict)

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def __attrs_post_init__(self) -> None:
        self.feed(self.path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.classes |= set(given.get("class", "").split())
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link":
            self.loaded.append(given["href"])
        elif "src" in given:
            self.loaded.append(given["src"])
        elif tag == "meta" and "name" in given:
            self.metas[given["name"]] = given["content"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    # Not --quiet: what is not told is not counted, and --strict then lets it pass.
    run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder], cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page of the site by its file."""
    return {path: Page(path) for path in site.rglob("*.html")}


def _in_nav(entry: object) -> Iterator[str]:
    match entry:
        case str():
            yield entry
        case dict() | list():
            for each in entry.values() if isinstance(entry, dict) else entry:
                yield from _in_nav(each)


def test_every_page_is_in_the_navigation_once() -> None:
    found = list(_in_nav(load_config(str(ROOT / "mkdocs.yml"))["nav"]))
    written = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(found) == sorted(written | GENERATED)


def test_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    """Pages and headings, in the site as it is served."""
    lost = [
        f"{page.path.parent.name}: {link}"
        for page in pages.values()
        if page.path.name != "404.html"  # its links are absolute: it is shown anywhere
        for link in page.links
        if not _ABSOLUTE.match(link) and not _leads_somewhere(page, link, pages)
    ]
    assert lost == []


def _leads_somewhere(page: Page, link: str, pages: dict[Path, Page]) -> bool:
    where = urlsplit(link)
    if where.scheme == "mailto":
        return True
    target = (page.path.parent / unquote(where.path)).resolve() if where.path else page.path
    target = target / "index.html" if target.is_dir() else target
    if not where.fragment:
        return target.is_file()
    return target in pages and unquote(where.fragment) in pages[target].anchors


def test_a_page_loads_nothing_from_elsewhere(pages: dict[Path, Page]) -> None:
    """No fonts, no scripts, no pictures: it works offline, and nobody learns who reads it."""
    assert [link for page in pages.values() for link in page.loaded if _ABSOLUTE.match(link)] == []


def test_a_style_sheet_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = [link for sheet in site.rglob("*.css") for link in _LOADED.findall(sheet.read_text())]
    assert [link for link in loaded if _ABSOLUTE.match(link)] == []


def test_a_script_loads_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    """The theme's script asks other hosts only about a repository that the site names: this one names none."""
    texts = [path.read_text() for path in [*site.rglob("*.js"), *pages]]
    assert [found for text in texts for found in _FOREIGN.findall(text)] == []
    assert not any({"md-source", "mermaid"} & page.classes for page in pages.values())


def test_a_page_works_on_a_phone_and_in_the_dark(pages: dict[Path, Page]) -> None:
    """It is as wide as the screen, and takes the colours of the system until the reader chooses."""
    for page in pages.values():
        assert page.metas["viewport"].startswith("width=device-width")
        html = page.path.read_text()
        schemes = re.findall(r'data-md-color-media="([^"]*)" data-md-color-scheme="([^"]*)"', html)
        assert next(media for media, _ in schemes) == "(prefers-color-scheme)"
        assert ("(prefers-color-scheme: dark)", "slate") in schemes


def test_docstrings_are_rendered(site: Path) -> None:
    """No marks of the plain text are left in the reference pages."""
    for path in site.glob("reference/*/index.html"):
        text = re.sub(r"<[^>]+>", "", path.read_text())
        assert re.findall(r"``|\s::\s|:(?:func|class|meth):", text) == [], path


# In a browser.


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """The site, served, and beside it a page that looks at others. The other tests have read theirs before."""
    shutil.copy(ROOT / "tests" / "e2e" / "js" / "browser" / "site.html", site / "look.html")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=site)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_page_fits_a_phone_can_be_read_and_asks_nobody_else(address: str, scheme: str, tmp_path: Path) -> None:
    """Whatever colours the reader's system has."""
    async with browsing(f"{address}look.html", microphone=tmp_path / "none.wav", folder=tmp_path) as page:
        await page._do("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        seen = [await page.call("look", f"{address}{path}", READABLE) for path in LOOKED_AT]
    assert {look["dark"] for look in seen} == {scheme == "dark"}
    assert [look for look in seen if look["width"] > PHONE] == []
    assert [look for look in seen if look["faint"]] == []
    assert [look for look in seen if look["foreign"]] == []
