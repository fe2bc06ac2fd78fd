"""Calls an MCP server's tool with the mcp package's client, once with each of TOKENS; one JSON line for each."""

import asyncio
import json
import os

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def call(token):
    refusals = []

    async def look(response):
        if response.status_code >= 400:
            refusals.append({"status": response.status_code, "challenge": response.headers.get("www-authenticate")})

    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            httpx2.AsyncClient(headers=headers, event_hooks={"response": [look]}) as http,
            Client(streamable_http_client(os.environ["MCP_URL"], http_client=http)) as server,
        ):
            result = await server.call_tool("financial_metric", {"metric": "EBITDA"})
            return {"text": result.content[0].text}
    except Exception as fault:
        return refusals[0] if refusals else {"fault": repr(fault)}


for token in os.environ["TOKENS"].split():
    print(json.dumps(asyncio.run(call(token))), flush=True)
