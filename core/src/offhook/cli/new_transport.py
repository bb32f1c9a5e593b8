"""``offhook new-transport``: a distribution of one's own to begin with, which passes the conformance suite as written.

The files lie under ``offhook/templates/new-transport``: those that every flavour has in ``common``, the others beside it.
They are ``string.Template`` texts, and end in ``.tmpl`` so that no tool takes them for what they will be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import distribution, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template
from typing import Annotated, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

import typer
from packaging.version import Version

from offhook.discovery import TRANSPORTS, claims
from offhook.errors import ConfigError
from offhook.hookspecs import SPEC_VERSION
from offhook.settings import variable_of

Flavour: TypeAlias = Literal["realtime", "own"]

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: Lines of the generated code fit into their width up to here.
_LONGEST_NAME: Final = 24
#: Their classes would be named like offhook's own: ``ConnectOptions``, ``RealtimeDialectPeer``.
_RESERVED: Final = frozenset({"connect", "realtime-dialect"})
_SUFFIX: Final = ".tmpl"
_PREFIX: Final = "offhook-"
_PROJECT: Final = PurePosixPath("pyproject.toml")
#: For an offhook that is no release: without it, uv would look for one, and find none or another.
_SOURCE: Final = """
# The offhook that wrote this was installed from a folder, and uv takes the same. Take it out before you publish.
[tool.uv.sources]
offhook = {{ path = {path}, editable = true }}
"""
#: The folder of templates that becomes the package.
_PACKAGE: Final = "offhook_name"
_ABOUT: Final[Mapping[Flavour, str]] = {
    "realtime": "It speaks the Realtime dialect, which is core's, over a wire of its own: dialer.py.",
    "own": "It speaks a dialect of its own: protocol.py, over the wire of dialer.py.",
}
_NEXT: Final = """\
{folder} is written: the transport {name!r}. {about}

  cd {folder}
  uv run pytest                 # it passes offhook's conformance suite, against a service in tests/peer.py
  uv run offhook transports     # and it is found by its name

Then make it yours: put your service's wire{dialect} in the place of the one that was made up, in the package and in
tests/peer.py, and let the flags say what your service can do. The suite tells what is left.
"""


def new_transport(
    name: Annotated[str, typer.Argument(help="The transport's name, as config will have it: carrier-pigeon.")],
    *,
    flavour: Annotated[
        Flavour,
        typer.Option(help="What it speaks: the Realtime dialect over a wire of its own, or a dialect of its own."),
    ] = "realtime",
    directory: Annotated[Path, typer.Option(help="Write the folder offhook-NAME in here.")] = Path(),
) -> None:
    """Write a transport of your own: a distribution to begin with, which passes the conformance suite."""
    _check(name)
    folder = directory / f"offhook-{name}"
    # All of it before the first file: what cannot be written whole is not begun.
    _write(folder, dict(_rendered(name, flavour)))
    dialect = " and dialect" if flavour == "own" else ""
    typer.echo(_NEXT.format(folder=folder, name=name, about=_ABOUT[flavour], dialect=dialect), nl=False)


def _check(name: str) -> None:
    """Raise ``ConfigError`` unless a new transport can have this name."""
    if name.startswith(_PREFIX):
        raise ConfigError(
            f"a transport's name, as config has it, does not begin with {_PREFIX!r}: its distribution's name will. "
            f"Give {name.removeprefix(_PREFIX)!r}."
        )
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or name in _RESERVED:
        raise ConfigError(
            f"a new transport cannot be named {name!r}. Use small letters, digits, and single hyphens between them, "
            f"beginning with a letter, {_LONGEST_NAME} characters at most, and neither {' nor '.join(sorted(_RESERVED))}: "
            "carrier-pigeon, for instance."
        )
    owners = [str(claim) for claim in claims(TRANSPORTS).get(name, ())]
    known = [TRANSPORTS.installs[name]] if name in TRANSPORTS.installs else []
    if taken_by := owners or known:
        raise ConfigError(
            f"the name {name!r} is taken by {' and '.join(taken_by)}, and two transports of one name are a conflict. "
            "Choose another."
        )


def _rendered(name: str, flavour: Flavour) -> Iterator[tuple[PurePosixPath, str]]:
    """Give each file of the distribution, and its text."""
    package = f"offhook_{name.replace('-', '_')}"
    values = {
        "name": name,
        "package": package,
        "prefix": "".join(part.capitalize() for part in name.split("-")),
        "requirement": _requirement(Version(version("offhook"))),
        "spec_version": str(SPEC_VERSION),
        "variable": variable_of(name, "api_key"),
        "year": str(datetime.now().astimezone().year),
    }
    templates = files("offhook") / "templates" / "new-transport"
    for part in ("common", flavour):
        for path, template in _files(templates / part, PurePosixPath()):
            parts = (package if part == _PACKAGE else part for part in path.parts)
            text = Template(template.read_text(encoding="utf-8")).substitute(values)
            yield PurePosixPath(*parts), text + _source() if path == _PROJECT else text


def _files(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, path / entry.name)
        elif entry.name.endswith(_SUFFIX):
            yield path / entry.name.removesuffix(_SUFFIX), entry


def _source() -> str:
    """Say where this offhook comes from, if that is a folder (PEP 610)."""
    direct: dict[str, Any] = json.loads(distribution("offhook").read_text("direct_url.json") or "{}")
    if "dir_info" not in direct:
        return ""
    url: str = direct["url"]
    path = json.dumps(url2pathname(urlsplit(url).path), ensure_ascii=False)  # also a string of TOML
    return _SOURCE.format(path=path)


def _requirement(ours: Version) -> str:
    """Require this offhook, or one that is compatible: before 1.0, a minor version may change anything."""
    following = f"0.{ours.minor + 1}" if ours.major == 0 else str(ours.major + 1)
    return f"offhook>={ours.major}.{ours.minor},<{following}"


def _write(folder: Path, texts: Mapping[PurePosixPath, str]) -> None:
    try:
        folder.mkdir()
        for path, text in texts.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
    except FileExistsError as error:
        raise ConfigError(
            f"{folder} exists already, and is left as it is. Choose another name, another --directory, or move it away."
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be written: {error.strerror or error}. Give a --directory that is there, and yours."
        ) from error
