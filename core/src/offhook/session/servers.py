"""The local MCP servers of a session's agents: connected when needed, and closed by whoever connected them."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from attrs import define, field

from offhook.mcp import McpServer
from offhook.tool import FunctionTool


@define(eq=False)
class Servers:
    """Connects servers, and closes those again that it connected."""

    _ours: list[McpServer] = field(init=False, factory=list[McpServer])

    async def tools_of(self, server: McpServer) -> list[FunctionTool]:
        """Give the tools of a server. Raises what connecting it raises."""
        if not server.connected:
            await server.connect()
            self._ours.append(server)
        return list(await server.tools())

    async def close(self) -> None:
        """Close what was connected here. Idempotent."""
        while self._ours:
            await self._ours.pop().close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
