"""The `fastmcp` package's client."""

import os
import sys
from contextlib import asynccontextmanager

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StreamableHttpTransport

from scenarios import play
from wire import headers, raw

URL = sys.argv[1]
MODES = {"old": "legacy", "new": "2026-07-28", "auto": "auto"}


class Caller:
    def __init__(self, client):
        self.client = client

    def facts(self):
        session = self.client.session
        server = session.server_info
        name = server and server.name
        return {"version": session.protocol_version, "server": name, "session": bool(self.session_id())}

    def session_id(self):
        return getattr(self.client.transport, "_session_id", None)

    async def tools(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name, arguments, on_step=None):
        async def progress(step, total, message):
            on_step(int(step))

        answer = await self.client.call_tool(
            name, arguments, progress_handler=on_step and progress, raise_on_error=False
        )
        text = answer.content[0].text
        return {"error": text} if answer.is_error else {"text": text}

    raw = staticmethod(raw)


@asynccontextmanager
async def open_client():
    transport = SSETransport if os.environ.get("TRANSPORT") == "sse" else StreamableHttpTransport
    async with Client(transport(URL, headers=headers()), mode=MODES[os.environ.get("ERA", "auto")]) as client:
        yield Caller(client)


play(open_client)
