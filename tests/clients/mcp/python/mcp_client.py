"""The `mcp` package's client."""

import os
import sys
from contextlib import asynccontextmanager

import httpx2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from scenarios import play
from wire import headers, raw, watching

URL = sys.argv[1]
MODES = {"old": "legacy", "new": "2026-07-28", "auto": "auto"}


class Caller:
    def __init__(self, client, seen):
        self.client, self.seen = client, seen

    def facts(self):
        server = self.client.server_info
        return {"version": self.client.protocol_version, "server": server and server.name, "session": bool(self.session_id())}

    def session_id(self):
        return self.seen.get("session")

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, on_step=None):
        async def progress(step, total, message):
            on_step(int(step))

        answer = await self.client.call_tool(name, arguments, progress_callback=on_step and progress)
        text = answer.content[0].text
        return {"error": text} if answer.is_error else {"text": text}

    raw = staticmethod(raw)


@asynccontextmanager
async def open_client():
    if os.environ.get("TRANSPORT") == "sse":
        async with Client(sse_client(URL, headers=headers()), mode="legacy") as client:
            yield Caller(client, {})
        return
    seen = {}
    mode = MODES[os.environ.get("ERA", "auto")]
    async with (
        httpx2.AsyncClient(headers=headers(), event_hooks={"response": [watching(seen)]}, timeout=30) as http,
        Client(streamable_http_client(URL, http_client=http), mode=mode) as client,
    ):
        yield Caller(client, seen)


play(open_client)
