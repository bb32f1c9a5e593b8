"""The base of a transport: its life cycle, its subscriptions, and honest refusals of what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NoReturn

from offhook.capabilities import Capabilities
from offhook.emitter import Emitter, EventIterator
from offhook.errors import NotConnected, Unsupported
from offhook.events import ConnectionChange, Event, Status
from offhook.hookspecs import RealtimeTransportEventTypes
from offhook.items import ConversationItem, InputImage, McpApprovalRequestItem

#: Which status may follow which (P2). Reconnecting is the session's word, not a status.
LIFE_CYCLE: Final[Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        "disconnected": frozenset({"connecting"}),
        "connecting": frozenset({"connected", "disconnected"}),
        "connected": frozenset({"disconnecting", "disconnected"}),
        "disconnecting": frozenset({"disconnected"}),
    }
)


class TransportBase:
    """What every transport needs and none should write again.

    A transport calls ``_change`` and ``_emit``; the commands that are optional by capability refuse until overridden.
    """

    def __init__(self, name: str, capabilities: Capabilities) -> None:
        self.name = name
        self._status: Status = "disconnected"
        self._capabilities = capabilities
        self._emitter = Emitter(RealtimeTransportEventTypes)

    @property
    def status(self) -> Status:
        """Where in the life cycle the connection is."""
        return self._status

    @property
    def capabilities(self) -> Capabilities:
        """What this transport can do."""
        return self._capabilities

    @property
    def muted(self) -> bool | None:
        """``None``: this transport does no muting."""
        return None

    def on(self, name: str, listener: Callable[[Any], object]) -> Callable[[], None]:
        """Call ``listener`` with every event of ``name`` (``"*"``: raw events); gives a function that ends it.

        An ``async def`` listener runs in a task of its own behind a bounded queue. Raises ``ContractError`` for a name
        that is no event.
        """
        return self._emitter.on(name, listener)

    def register(self, listener: object) -> None:
        """Register an object with ``@hookimpl`` methods named after events. Raises ``ContractError``."""
        self._emitter.register(listener)

    def unregister(self, listener: object) -> None:
        """Undo ``register``."""
        self._emitter.unregister(listener)

    def events(self, *names: str) -> EventIterator:
        """Iterate over events of these names (or all but raw ones) until the connection ends."""
        return self._emitter.events(*names)

    async def mute(self, muted: bool) -> None:
        """Refuse: this transport does no muting."""
        self._refuse("mute()", "mute=none", "Stop calling send_audio() instead.")

    async def add_image(self, image: InputImage, *, respond: bool = True) -> None:
        """Refuse: the model behind this transport sees nothing."""
        self._refuse("add_image()", "images=False", "Describe the image in a message.")

    async def reset_history(self, old: Sequence[ConversationItem], new: Sequence[ConversationItem]) -> None:
        """Refuse: this conversation cannot be edited."""
        self._refuse("reset_history()", f"history={self.capabilities.history}", "Connect again with initial_history.")

    async def request_response(self, response: Mapping[str, Any] | None = None) -> str:
        """Refuse: the model alone decides when it answers."""
        self._refuse("request_response()", "request_response=False", "Send a message instead.")

    async def send_mcp_response(
        self, request: McpApprovalRequestItem, approved: bool, reason: str | None = None
    ) -> None:
        """Refuse: there are no hosted MCP tools here."""
        self._refuse("send_mcp_response()", "mcp=False", "Offer the tool as a function tool.")

    def _emit(self, event: Event) -> None:
        self._emitter.emit(event)

    def _change(self, change: ConnectionChange) -> None:
        """Go to ``change.status`` and say so. What the life-cycle table does not know is a defect of the transport."""
        if change.status not in LIFE_CYCLE[self._status]:
            raise AssertionError(f"{self.name}: {self._status} cannot become {change.status}")
        self._status = change.status
        if change.status == "connecting":
            self._emitter.begin()
        self._emit(change)
        if change.status == "disconnected":
            self._emitter.end()

    def _require_connected(self, operation: str) -> None:
        if self._status != "connected":
            raise NotConnected(operation, self._status)

    def _refuse(self, operation: str, flag: str, remedy: str) -> NoReturn:
        raise Unsupported(operation, flag, remedy)
