"""What the config says, and whether it can be done: the file, what it requires and blocks, the transport in use, keys."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from typing import Any, Final, cast

from offhook.cli.doctor.finding import Finding, from_error
from offhook.cli.doctor.installed import plugins
from offhook.discovery import blocked_as
from offhook.errors import ConfigError, OffhookError, PluginNotFound
from offhook.plugins import load_transport
from offhook.requirements import check_required
from offhook.settings import FILE_NAME, Settings, load_settings, options_for, variable_of
from offhook.structure import fields_of, is_secret

#: What variables with secrets for us look like.
_BEGIN: Final = ("OFFHOOK_", "OPENAI_")
_END: Final = ("_KEY", "_SECRET", "_TOKEN")
#: What is read whatever the transport, and how near to one of ours another variable is a misspelt one (0 to 1).
_VARIABLES: Final = frozenset(
    {"OFFHOOK_CONFIG", "OFFHOOK_TRANSPORT", "OFFHOOK_BLOCK", "OFFHOOK_TRACE", "OFFHOOK_DEBUG"}
)
_NEAR: Final = 0.9


def config() -> tuple[Settings, Finding]:
    """Give the settings, or where they cannot be read those of nobody, and what is to be said about them."""
    try:
        settings = load_settings()
    except ConfigError as error:
        return Settings(), from_error("config", error)
    what = f"no {FILE_NAME} is found from here upwards; everything has its default"
    return settings, Finding(about="config", what=str(settings.source or what))


def required(settings: Settings) -> Iterator[Finding]:
    """Look whether what has to be installed is."""
    if settings.requires:
        try:
            check_required(settings)
        except OffhookError as error:
            yield from_error("requires", error)
        else:
            yield Finding(about="requires", what=f"{', '.join(settings.requires)}: installed")


def blocked(settings: Settings) -> Iterator[Finding]:
    """Name what is blocked and not there: a name that is misspelt blocks nothing."""
    for word in settings.block:
        if not any(blocked_as(claim, Settings(block=(word,))) for claim in plugins()):
            yield Finding(
                about="block",
                state="attention",
                what=f"{word!r} is the name of nothing that is installed",
                remedy=f"Check how it is spelt: {settings.where('block')}.",
            )


def in_use(settings: Settings) -> tuple[Finding, Any]:
    """Look at the transport that is used unless a program names another; gives its options, too, or ``None``."""
    name, asked_by = settings.transport, settings.asked_by("transport")
    try:
        loaded = load_transport(name, settings, asked_by=asked_by)
        options = options_for(settings, name, loaded.options_class)
    except PluginNotFound as error:
        # Whoever names it in the program does not need the default.
        return from_error("in use", error, state="broken" if asked_by else "attention"), None
    except OffhookError as error:
        return from_error("in use", error), None
    return Finding(about="in use", what=f"{name}, {f'chosen by {asked_by}' if asked_by else 'the default'}"), options


def misspelt(settings: Settings, options: Any) -> Iterator[Finding]:
    """Name variables that are nearly one of ours: nobody reads them."""
    known = set(_VARIABLES)
    if options is not None:
        known |= {variable_of(settings.transport, key) for key in fields_of(cast("type[Any]", type(options)))}
    others = tuple(variable_of(claim.name, "") for claim in plugins() if claim.name != settings.transport)
    for word in sorted(os.environ.keys() - known):
        if not word.startswith(others) and (near := difflib.get_close_matches(word, known, n=1, cutoff=_NEAR)):
            yield Finding(
                about="variables",
                state="attention",
                what=f"{word} is read by nobody",
                remedy=f"Did you mean {near[0]}?",
            )


def keys(settings: Settings, options: Any) -> Iterator[Finding]:
    """Say which keys there are, and never what they are."""
    name = settings.transport
    known = fields_of(cast("type[Any]", type(options))) if options is not None else {}
    table, where = settings.transports.get(name, {}), settings.where("transports").at(name)
    places = [
        *sorted(
            word for word, value in os.environ.items() if value and word.startswith(_BEGIN) and word.endswith(_END)
        ),
        *(str(where.at(key)) for key, entry in known.items() if is_secret(entry) and table.get(key)),
    ]
    if places:
        yield Finding(about="keys", what=f"{', '.join(places)}: set, and not shown")
    elif "api_key" in known:
        yield Finding(
            about="keys",
            state="attention",
            what=f"there is none in OPENAI_API_KEY, {variable_of(name, 'api_key')}, or api_key in [transports.{name}]",
            remedy='Set the one that the service takes. Without a service, the transport "emulator" needs none.',
        )
