"""The `mcp` package's client."""

import os
import sys
from contextlib import asynccontextmanager

import httpx2
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
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
        name = server and server.name
        return {"version": self.client.protocol_version, "server": name, "session": bool(self.session_id())}

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


class Forgetful:
    """Keeps tokens for as long as this program runs."""

    tokens = info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.info

    async def set_client_info(self, info):
        self.info = info


def signing_in():
    """Where it knows no token, it finds out by itself where one is to be had (RFC 9728), and fetches it."""
    if "CLIENT_ID" not in os.environ:
        return None
    name, secret, issuer = (os.environ[key] for key in ("CLIENT_ID", "CLIENT_SECRET", "ISSUER"))
    return ClientCredentialsOAuthProvider(URL, Forgetful(), name, secret, issuer=issuer)


@asynccontextmanager
async def open_client():
    if os.environ.get("TRANSPORT") == "sse":
        async with Client(sse_client(URL, headers=headers()), mode="legacy") as client:
            yield Caller(client, {})
        return
    seen = {}
    mode = MODES[os.environ.get("ERA", "auto")]
    hooks = {"response": [watching(seen)]}
    async with (
        httpx2.AsyncClient(headers=headers(), auth=signing_in(), event_hooks=hooks, timeout=30) as http,
        Client(streamable_http_client(URL, http_client=http), mode=mode) as client,
    ):
        yield Caller(client, seen)


play(open_client)
