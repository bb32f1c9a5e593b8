"""Tools of MCP servers: run by the service itself (hosted), or by us (local)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import asdict, field, frozen

from offhook.schema import Json
from offhook.tool import FunctionTool


@frozen(kw_only=True)
class HostedMcpTool:
    """An MCP server that the service asks by itself: the fields of the Realtime API's ``mcp`` tool, by their names.

    ``require_approval`` is ``"always"``, ``"never"``, or ``{"always": {…}, "never": {…}}`` with ``tool_names``.
    ``authorization`` and ``headers`` are secrets: they are sent to the service and never shown.
    """

    server_label: str
    server_url: str | None = None
    connector_id: str | None = None
    server_description: str | None = None
    authorization: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    allowed_tools: Sequence[str] | Mapping[str, Any] | None = None
    require_approval: str | Mapping[str, Any] | None = None

    def to_wire(self) -> Json:
        """Give the definition that the service is sent."""
        given = {name: value for name, value in asdict(self, recurse=False).items() if value is not None}
        return {"type": "mcp", **given}


class McpServer(Protocol):
    """A local MCP server: something that gives function tools once it is connected."""

    async def connect(self) -> None:
        """Start the server or connect to it; nothing if that was done."""

    async def tools(self) -> Sequence[FunctionTool]:
        """Give the server's tools as function tools."""
        ...

    async def close(self) -> None:
        """End it. Idempotent."""
