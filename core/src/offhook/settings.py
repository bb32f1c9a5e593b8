"""Config by name: which transport, its options, and what the model is told.

::

    # offhook.toml, or [tool.offhook] of pyproject.toml
    transport = "websocket"
    block = ["some-distribution"]
    requires = ["offhook-websocket>=0.1"]

    [session.audio.input]
    turn_detection = "none"               # TOML has no null: where a value may be None, the string "none" means it

    [transports.websocket]
    url = "ws://127.0.0.1:8080/v1"

A file is beaten by the environment (``OFFHOOK_TRANSPORT``, ``OFFHOOK_BLOCK``, and ``OFFHOOK_<NAME>_<OPTION>`` such as
``OFFHOOK_WEBSOCKET_URL``), and both by arguments. A variable that is empty counts as not set. Tables of transports that
are not selected are not validated: what they may hold is known only to distributions that may not be installed.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from attrs import evolve, field, frozen

from offhook.config import SessionConfig
from offhook.errors import ConfigError
from offhook.kinds import from_text
from offhook.structure import Placed, Where, build, fields_of, is_secret, kind_of, read, value_of

OptionsT = TypeVar("OptionsT")

FILE_NAME: Final = "offhook.toml"
_ARGUMENTS: Final = Where("the arguments")


@frozen(kw_only=True)
class _Keys:
    """What the config may hold at its top."""

    #: The name of the transport to use.
    transport: str = "websocket"
    #: Names of transports, commands or observers, or of distributions, that are not to be imported.
    block: tuple[str, ...] = ()
    #: Distributions that have to be installed, as pip takes them: ``offhook-webrtc>=1``.
    requires: tuple[str, ...] = ()
    #: What the model is told, unless an application says otherwise.
    session: SessionConfig = SessionConfig()
    #: The ``[transports.<name>]`` tables as they stand.
    transports: Mapping[str, Mapping[str, Any]] = field(factory=dict[str, Mapping[str, Any]], repr=False)


@frozen(kw_only=True)
class Settings(_Keys):
    """The config of a program: made by ``load_settings``, or by hand."""

    #: The file that was read, if there was one.
    source: Path | None = None
    _root: Where = field(default=Where("the settings"), repr=False, eq=False, alias="root")
    _places: Mapping[str, Where] = field(factory=dict[str, Where], repr=False, eq=False, alias="places")

    def where(self, key: str) -> Where:
        """Say where a top-level key is set, or could be."""
        return self._places.get(key, self._root.at(key))

    def asked_by(self, key: str) -> str:
        """Say who set a top-level key; nothing where it is the default."""
        return str(self._places.get(key, ""))


def load_settings(
    path: str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] = os.environ,
    cwd: str | os.PathLike[str] | None = None,
    **arguments: Any,
) -> Settings:
    """Load the settings: file, then environment, then ``arguments``, the later beating the earlier.

    The file is ``path``, else the one that ``OFFHOOK_CONFIG`` names, else the nearest ``offhook.toml`` or ``pyproject.toml``
    with ``[tool.offhook]``, from ``cwd`` upwards to the folder with ``.git``. ``arguments`` are the fields ``transport``,
    ``block``, ``requires``, ``session`` (laid over the file's) and ``transports``. Raises ``ConfigError`` naming file and
    key.
    """
    folder = Path(cwd) if cwd is not None else Path.cwd()
    named = path if path is not None else environ.get("OFFHOOK_CONFIG")
    source = folder / Path(named).expanduser() if named else _nearest(folder)
    root, table = _of_file(source) if source else (Where(FILE_NAME), dict[str, Any]())
    placed = read(_Keys, table, root)
    placed |= _of_environment(_Keys, {"transport": "OFFHOOK_TRANSPORT", "block": "OFFHOOK_BLOCK"}, environ)
    given = read(_Keys, arguments, _ARGUMENTS)
    if "session" in placed and "session" in given:
        given["session"] = evolve(given["session"], value=given["session"].value.over(placed["session"].value))
    placed |= given
    places = {key: entry.where for key, entry in placed.items()}
    return Settings(source=source, root=root, places=places, **{key: entry.value for key, entry in placed.items()})


def options_for(
    settings: Settings,
    name: str,
    options_class: type[OptionsT],
    environ: Mapping[str, str] = os.environ,
    **arguments: Any,
) -> OptionsT:
    """Make the options of transport ``name``: its table, then its environment variables, then ``arguments``.

    Raises ``ConfigError`` naming where the mistake stands; the value of a field that stays out of ``repr`` is not shown.
    """
    # All tables together are secret, because some may hold keys; of this one it is known which fields are.
    where = evolve(settings.where("transports"), secret=False).at(name)
    placed = read(options_class, settings.transports.get(name, {}), where)
    placed |= _of_environment(options_class, {key: variable_of(name, key) for key in fields_of(options_class)}, environ)
    placed |= read(options_class, arguments, _ARGUMENTS)
    return build(options_class, placed, where)


def _of_file(source: Path) -> tuple[Where, Mapping[str, Any]]:
    where, table = Where(str(source), folder=source.parent), _parse(source)
    if source.name != "pyproject.toml":
        return where, table
    return where.at("tool").at("offhook"), _tool_offhook(table, where)


def _of_environment(cls: type[Any], variables: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Placed]:
    known = fields_of(cls)
    placed: dict[str, Placed] = {}
    for key, variable in variables.items():
        if text := environ.get(variable):
            where, kind = Where(variable, secret=is_secret(known[key])), kind_of(cls, known[key])
            placed[key] = Placed(value_of(kind, from_text(kind, text), where), where)
    return placed


def variable_of(name: str, option: str) -> str:
    """Give the environment variable that sets ``option`` of transport ``name``."""
    return "_".join(["OFFHOOK", *(re.sub(r"\W", "_", part, flags=re.ASCII).upper() for part in (name, option))])


def _nearest(folder: Path) -> Path | None:
    for place in _upwards(folder.absolute()):
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
        if _speaks_of_us(place / "pyproject.toml"):
            return place / "pyproject.toml"
    return None


def _upwards(folder: Path) -> Iterator[Path]:
    """Give the folders from here up to the one that holds the repository."""
    for place in (folder, *folder.parents):
        yield place
        if (place / ".git").exists():
            return


def _speaks_of_us(pyproject: Path) -> bool:
    # A look before the parse: a pyproject.toml without a word about us is none of our business, broken or not.
    try:
        if b"offhook" not in pyproject.read_bytes():
            return False
    except OSError:
        return False
    return bool(_tool_offhook(_parse(pyproject), Where(str(pyproject))))


def _tool_offhook(table: Mapping[str, Any], where: Where) -> Mapping[str, Any]:
    tool = cast("Mapping[str, Any]", value_of(Mapping[str, Any], table.get("tool", {}), where.at("tool")))
    return value_of(Mapping[str, Any], tool.get("offhook", {}), where.at("tool").at("offhook"))


def _parse(source: Path) -> Mapping[str, Any]:
    try:
        with source.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(
            f"the config file {source} cannot be read: {error.strerror or error}. Check its path, or leave it out: "
            f"{FILE_NAME} is looked for from the working directory upwards."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {source} is not TOML: {error}. Correct it there.") from error
