"""The local MCP servers of a session's agents: connected when first needed, and let go at the session's end."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from attrs import define, field

from offhook._log import logger
from offhook.function import origin
from offhook.mcp import McpServer
from offhook.tool import FunctionTool


@define(eq=False)
class Servers:
    """Connects each server once, and closes it once: others may use it too, and count for themselves."""

    _ours: list[McpServer] = field(init=False, factory=list[McpServer])

    async def tools_of(self, server: McpServer) -> list[FunctionTool]:
        """Give the tools of a server. Raises what connecting it raises."""
        if not any(ours is server for ours in self._ours):
            await server.connect()
            self._ours.append(server)
        return list(await server.tools())

    async def close(self) -> None:
        """Close what was connected here, all of it, whatever that raises. Idempotent."""
        while self._ours:
            server = self._ours.pop()
            try:
                await server.close()
            except Exception as error:  # noqa: BLE001  # the others have to be closed all the same
                logger().warning("mcp_server_not_closed", server=repr(server), why=origin(error))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
