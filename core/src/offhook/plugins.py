"""Transports and commands by name: only the chosen one is imported, and whatever is wrong with it is its own.

An entry point of group ``offhook.transports`` names a module (or an object) with ``SPEC_VERSION = (major, minor)`` and the
two hooks of ``offhook.hookspecs.TransportPlugin``; one of group ``offhook.commands`` names a function or a ``typer.Typer``.
``offhook.discovery`` finds them; here they are loaded.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import pluggy
from attrs import evolve, field, frozen, has

from offhook.capabilities import Capabilities
from offhook.contract import check_transport
from offhook.discovery import COMMANDS, TRANSPORTS, Claim, Listed, find, listing
from offhook.errors import OffhookError, PluginIncompatible
from offhook.hookspecs import SPEC_VERSION, RealtimeTransportLayer, TransportPlugin
from offhook.loading import broken, load, reason, subject
from offhook.requirements import check_required
from offhook.settings import Settings, load_settings, options_for

#: What each hook is called with.
_HOOKS: Final[Mapping[str, tuple[str, ...]]] = {"transport_options": (), "make_transport": ("options",)}


@frozen
class LoadedTransport:
    """A transport's plugin, imported and found to be in order."""

    claim: Claim
    #: The attrs class of its ``[transports.<name>]`` table.
    options_class: type[Any]
    _hook: Any = field(repr=False)

    def make(self, options: Any) -> RealtimeTransportLayer:
        """Make a transport, disconnected. Raises ``ContractError`` where it is not what the contract says."""
        try:
            transport = self._hook.make_transport(options=options)
        except OffhookError:
            raise
        except Exception as error:
            raise broken(TRANSPORTS, self.claim, "cannot make its transport", error) from error
        return check_transport(transport, distribution=str(self.claim))


def make_transport(
    name: str | None = None, *, settings: Settings | None = None, **options: Any
) -> RealtimeTransportLayer:
    """Make the transport ``name`` (default: the configured one), disconnected, with the installed observers on it.

    ``options`` beat its environment variables, which beat its ``[transports.<name>]`` table. Raises ``PluginError`` where
    it, or what the config requires, cannot be had, ``ConfigError`` where its options are wrong, and ``ContractError``
    where it is not a transport.
    """
    settings = settings if settings is not None else load_settings()
    check_required(settings)
    asked_by = settings.asked_by("transport") if name is None else ""
    chosen = load_transport(name or settings.transport, settings, asked_by=asked_by)
    transport = chosen.make(options_for(settings, chosen.claim.name, chosen.options_class, **options))
    from offhook.observers import observe  # noqa: PLC0415  # with asyncio, which listing does without

    observe(transport, settings)
    return transport


def load_transport(name: str, settings: Settings, *, asked_by: str = "") -> LoadedTransport:
    """Import the one plugin of that name, and no other. Raises ``PluginError``; ``asked_by`` is told if it is not found."""
    return _load_transport(find(TRANSPORTS, name, settings, asked_by=asked_by))


def load_command(name: str, settings: Settings, *, others: Iterable[str] = ()) -> object:
    """Import the sub-command of that name. Raises ``PluginError``; ``others`` are commands that need no import."""
    return load(COMMANDS, find(COMMANDS, name, settings, others=others))


def list_transports(settings: Settings) -> tuple[Listed, ...]:
    """List what is installed, from metadata alone."""
    return tuple(row for _, row in listing(TRANSPORTS, settings))


def check_transports(settings: Settings) -> tuple[Listed, ...]:
    """List what is installed, after importing each that is neither blocked nor in conflict; failures are kept apart."""
    return tuple(
        _checked(claim, row) if row.state == "available" else row for claim, row in listing(TRANSPORTS, settings)
    )


def _checked(claim: Claim, row: Listed) -> Listed:
    try:
        loaded = _load_transport(claim)
        return evolve(row, state="loaded", capabilities=_capabilities(loaded))
    except OffhookError as error:
        state = "incompatible" if isinstance(error, PluginIncompatible) else "broken"
        return evolve(row, state=state, reason=reason(TRANSPORTS, claim, error))


def _capabilities(loaded: LoadedTransport) -> Capabilities | None:
    """Ask a transport made with default options; where some option has no default, nobody can ask."""
    try:
        options = loaded.options_class()
    except Exception:  # noqa: BLE001  # what it lacks is told when it is chosen
        return None
    return loaded.make(options).capabilities


def _load_transport(claim: Claim) -> LoadedTransport:
    plugin = load(TRANSPORTS, claim)
    _check_version(claim, plugin)
    hook = _register(claim, plugin)
    try:
        options_class = hook.transport_options()
    except Exception as error:
        raise broken(TRANSPORTS, claim, "cannot give its options class", error) from error
    if not (isinstance(options_class, type) and has(cast("type[Any]", options_class))):
        raise broken(TRANSPORTS, claim, f"must give an attrs class as its options, and gives {options_class!r}")
    return LoadedTransport(claim, cast("type[Any]", options_class), hook)


def _check_version(claim: Claim, plugin: object) -> None:
    version = getattr(plugin, "SPEC_VERSION", None)
    match version:
        case (int(major), int(minor)):
            pass
        case _:
            raise broken(
                TRANSPORTS, claim, f"must state SPEC_VERSION = (major, minor), and {claim.value} has {version!r}"
            )
    if major == SPEC_VERSION[0]:
        return
    older = claim.distribution if major < SPEC_VERSION[0] else "offhook"
    raise PluginIncompatible(
        f"{subject(TRANSPORTS, claim)} is written for version {major}.{minor} of the contract, and this offhook "
        f"has {SPEC_VERSION[0]}.{SPEC_VERSION[1]}. Run: pip install --upgrade {older}.",
        name=claim.name,
    )


def _register(claim: Claim, plugin: object) -> Any:
    """Register the plugin alone, in a manager of its own: nothing another plugin does can reach it."""
    if inspect.isclass(plugin):
        raise broken(TRANSPORTS, claim, f"must name a module or an object, and {claim.value} is a class")
    manager = pluggy.PluginManager("offhook")
    manager.add_hookspecs(TransportPlugin)
    try:
        manager.register(plugin, claim.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise broken(TRANSPORTS, claim, "does not fit the hook specifications", error) from error
    for name, arguments in _HOOKS.items():
        _check_hook(claim, name, arguments, manager.subset_hook_caller(name, ()).get_hookimpls())
    return manager.hook


def _check_hook(claim: Claim, name: str, arguments: tuple[str, ...], found: Iterable[Any]) -> None:
    expected = f"@offhook.hookimpl def {name}({', '.join(arguments)})"
    function = next((entry.function for entry in found), None)
    if function is None:
        raise broken(TRANSPORTS, claim, f"has no hook {name}; it needs {expected}")
    if inspect.iscoroutinefunction(function):
        raise broken(TRANSPORTS, claim, f"has an async hook {name}, which nobody would await; it needs {expected}")
    # pluggy leaves out arguments that have defaults, or are keyword-only, without a word.
    if tuple(inspect.signature(function).parameters) != arguments or _left_out(function):
        raise broken(TRANSPORTS, claim, f"has a hook {name} with other arguments; it needs {expected}")


def _left_out(function: Any) -> bool:
    return any(
        entry.default is not entry.empty or entry.kind is entry.KEYWORD_ONLY
        for entry in inspect.signature(function).parameters.values()
    )
