"""Every error that offhook raises on purpose.

::

    OffhookError
    ├── PluginError                     a transport or command could not be had by its name
    │   ├── PluginNotFound              nothing installed has that name
    │   ├── PluginBroken                its import or registration failed
    │   ├── PluginConflict              two distributions claim the name
    │   ├── PluginIncompatible          it was written for another major version of the contract
    │   └── PluginBlocked               a setting forbids it
    ├── ContractError                   a plugin or listener does not match the hook specifications
    ├── ConfigError                     offhook.toml, environment or arguments hold something wrong
    ├── AudioError                      a file, device or format that cannot be used
    ├── RecordingError                  a recording that cannot be written, read or replayed
    ├── HistoryError                    a history that cannot be edited, or read, as asked
    ├── TransportError
    │   ├── ConnectError                connect() failed; the transport can be connected again
    │   │   ├── AuthenticationError     the service refused the key, or there is none
    │   │   ├── ConfigRejected          the service refused the initial session config
    │   │   └── ConnectCancelled        close() was called while connecting
    │   ├── AlreadyConnected            connect() overlaps a connection; that one is untouched
    │   ├── NotConnected                a command needs a connection, and there is none
    │   ├── Unsupported                 this transport cannot do that; the flag says so beforehand
    │   └── ImmutableConfig             the named fields cannot change now; nothing was sent
    ├── ReplyFailed                     a reply that was asked for will not come, or not to its end
    ├── TurnError                       a turn of the user's was begun or ended wrongly
    ├── SlowConsumer                    an ``async for`` or async listener fell too far behind
    └── ToolError                       a tool is declared or called wrongly

A message is one paragraph: what is wrong, then what to do next. None of them ever holds a key.
"""

from __future__ import annotations

from collections.abc import Iterable


class OffhookError(Exception):
    """The base of every error that offhook raises on purpose."""


class PluginError(OffhookError):
    """A plugin could not be had by its name."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class PluginNotFound(PluginError):
    """Nothing installed has that name; the message lists what is, and how to install the ones we know."""


class PluginBroken(PluginError):
    """The plugin's import or registration failed; the original exception is chained."""


class PluginConflict(PluginError):
    """Two installed distributions claim the same name; the message names both."""


class PluginIncompatible(PluginError):
    """The plugin was written for another major version of the contract; the message names both versions."""


class PluginBlocked(PluginError):
    """A setting forbids the plugin; the message names the setting."""


class ContractError(OffhookError):
    """A transport or a listener does not match the hook specifications; found when it is registered."""


class ConfigError(OffhookError):
    """A config file, environment variable or argument holds something wrong; the message names file and key."""


class AudioError(OffhookError):
    """An audio file, device or format that cannot be used."""


class RecordingError(OffhookError):
    """A recording of a conversation that cannot be written, read or replayed."""


class HistoryError(OffhookError):
    """A conversation's history cannot be edited as asked, or what is to be read is none. Nothing was sent."""


class TransportError(OffhookError):
    """The base of what a transport raises."""


class ConnectError(TransportError):
    """``connect()`` failed. The transport is disconnected and can be connected again.

    ``status`` is the HTTP status of a refused handshake, ``code`` the service's own error code, where known.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class AuthenticationError(ConnectError):
    """The service refused the key, or no key was given."""


class ConfigRejected(ConnectError):
    """The service refused the initial session config; ``code`` is its reason."""


class ConnectCancelled(ConnectError):
    """``close()`` was called while ``connect()`` was under way."""


class AlreadyConnected(TransportError):
    """``connect()`` was called on a transport that is not disconnected; the connection it has is untouched."""


class NotConnected(TransportError):
    """A command needs a connection, and there is none."""

    def __init__(self, operation: str, status: str) -> None:
        super().__init__(f"{operation} needs a connection, and the transport is {status}. Call connect() first.")
        self.operation = operation
        self.status = status


class Unsupported(TransportError):
    """The transport cannot do that. ``flag`` names the capability that says so; nothing was sent."""

    def __init__(self, operation: str, flag: str, remedy: str) -> None:
        super().__init__(f"{operation} is not supported by this transport ({flag}). {remedy}")
        self.operation = operation
        self.flag = flag
        self.remedy = remedy


class ImmutableConfig(TransportError):
    """The named config fields cannot change now. Nothing of the update was sent."""

    def __init__(self, fields: Iterable[str], remedy: str) -> None:
        self.fields = tuple(sorted(fields))
        self.remedy = remedy
        super().__init__(f"{', '.join(self.fields)} cannot be changed now. {remedy}")


class ReplyFailed(OffhookError):
    """A reply that was asked for will not come, or not to its end.

    ``reason`` is ``refused`` (by the service; ``code`` is its own word for why), ``connection_lost`` or ``closed``.
    """

    def __init__(self, message: str, *, reason: str, code: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.code = code


class TurnError(OffhookError):
    """A turn of the user's was begun or ended wrongly; nothing was sent."""


class SlowConsumer(OffhookError):
    """A subscription's queue overflowed with control events, so it was ended: losing one silently is worse."""


class ToolError(OffhookError):
    """A tool is declared or called wrongly."""
