"""Tools of MCP servers: run by the service itself (hosted), or by us (local)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self

from attrs import asdict, field, frozen

from offhook.context import ToolContext
from offhook.errors import ToolError
from offhook.function import as_output, parse_arguments
from offhook.schema import Json
from offhook.tool import DEFAULT_TIMEOUT_S, FunctionTool, NeedsApproval, as_tool_name

if TYPE_CHECKING:
    from mcp import Client, Tool
    from mcp.types import ContentBlock


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
    """A local MCP server: something that gives function tools while it is connected. ``LocalMcpServer`` is one.

    Sessions may share it. Each calls ``connect()`` before it asks for tools, and ``close()`` at its end: the last one out
    ends it.
    """

    async def connect(self) -> None:
        """Start the server, or connect to it; if that was done, note that one more uses it."""

    async def tools(self) -> Sequence[FunctionTool]:
        """Give the server's tools as function tools."""
        ...

    async def close(self) -> None:
        """One less uses it: end it after the last."""


class LocalMcpServer:
    """An MCP server that we talk to, through the official client (``pip install "offhook[mcp]"``).

    A session whose agent has one connects it, and closes it at its own end; of several that share it, the last one does.
    ``async with`` keeps it connected over sessions that follow each other.
    """

    def __init__(
        self,
        server: Any,
        *,
        allowed_tools: Sequence[str] | None = None,
        prefix: str = "",
        needs_approval: NeedsApproval = False,
        timeout_s: float | None = DEFAULT_TIMEOUT_S,
    ) -> None:
        """``server`` is what ``mcp.Client`` takes: a URL, ``mcp.StdioServerParameters``, or a server in this program.

        ``prefix`` is put before the tools' names, where those of two servers are alike.
        """
        self._server = server
        self._allowed = allowed_tools
        self._prefix = prefix
        self._needs_approval: NeedsApproval = needs_approval
        self._timeout_s = timeout_s
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._client: asyncio.Future[Client] | None = None
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def connected(self) -> bool:
        """Whether it was connected and not yet closed. With its event loop a connection ends too."""
        return self._task is not None and not self._task.done()

    async def connect(self) -> None:
        """Connect, if that was not done: each user calls this, and ``close()`` as often.

        Raises ``ToolError`` without the extra, and what the client raises.
        """
        if not self.connected:
            self._users = 0
            self._over = asyncio.Event()
            self._client = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._stay(self._client, self._over), name="offhook mcp server")
        assert self._client is not None  # noqa: S101  # it is made together with the task
        self._users += 1
        task = self._task
        try:
            await asyncio.shield(self._client)
        except BaseException:
            if self._task is task:  # and nobody has tried again meanwhile
                await self.close()
            raise

    async def tools(self) -> Sequence[FunctionTool]:
        """Give the server's tools, as it lists them now."""
        client = await self._connected()
        listed = [tool for page in [page async for page in _pages(client)] for tool in page]
        return [self._tool(tool) for tool in listed if self._allowed is None or tool.name in self._allowed]

    async def close(self) -> None:
        """Disconnect, once all who connected have closed, and end a server that was started. Nothing if that was done."""
        self._users = max(0, self._users - 1)
        if self._users:
            return
        task, self._task = self._task, None
        if task is None or task.done():
            return
        self._over.set()
        if self._client is not None and not self._client.done():  # it may never answer
            task.cancel()
        await asyncio.wait({task})

    async def _stay(self, connected: asyncio.Future[Client], over: asyncio.Event) -> None:
        """Hold the connection in one task from beginning to end: the client's scopes must not be left by another."""
        try:
            async with _client()(self._server) as client:
                connected.set_result(client)
                await over.wait()
        except Exception as error:  # noqa: BLE001  # whoever connects is told; what comes later is told by the calls
            if not connected.done():
                connected.set_exception(error)
                connected.exception()  # whoever wanted it may have given up
        finally:
            connected.cancel()

    async def _connected(self) -> Client:
        if self._client is None or not self.connected:
            raise ToolError("the MCP server is not connected. Use ``async with server:``, or await server.connect().")
        return await asyncio.shield(self._client)

    def _tool(self, tool: Tool) -> FunctionTool:
        return FunctionTool(
            name=as_tool_name(self._prefix + tool.name),
            description=tool.description or "",
            parameters=tool.input_schema,
            invoke=partial(self._call, tool.name),
            timeout_s=self._timeout_s,
            needs_approval=self._needs_approval,
        )

    async def _call(self, name: str, _context: ToolContext[Any], arguments: str) -> str:
        client = await self._connected()
        result = await client.call_tool(name, parse_arguments(arguments))
        text = "\n".join(_text(part) for part in result.content)
        if result.is_error:
            raise ToolError(text or "the MCP server said no more than that it failed")
        return text or as_output(result.structured_content)


def _client() -> type[Client]:
    try:
        from mcp import Client  # noqa: PLC0415  # an extra, and half a second
    except ImportError as error:
        raise ToolError('local MCP servers need the official client. pip install "offhook[mcp]"') from error
    return Client


async def _pages(client: Client) -> AsyncIterator[Sequence[Tool]]:
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        yield page.tools
        cursor = page.next_cursor
        if not cursor:
            return


def _text(part: ContentBlock) -> str:
    """Give a part of a result as text; the model cannot be shown anything else in a function's output."""
    text = getattr(part, "text", None)
    return text if isinstance(text, str) else f"[{part.type}]"
