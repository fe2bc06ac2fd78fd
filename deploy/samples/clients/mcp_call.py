"""One call of one tool of a secured MCP server, with a token that was exchanged for it."""

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def call_tool(url, token, name, arguments):
    """What the tool says, or why the server did not let us in: a model makes something of either."""
    refusals = []

    async def look(response):
        # The mcp package says no more than that there was an error.
        if response.status_code in (401, 403):
            refusals.append(f"{response.status_code} {response.headers.get('www-authenticate', '')}")

    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            httpx2.AsyncClient(headers=headers, event_hooks={"response": [look]}) as http,
            Client(streamable_http_client(url, http_client=http)) as server,
        ):
            result = await server.call_tool(name, arguments)
    except Exception:
        if refusals:
            return f"Refused by the MCP server: {refusals[0]}"
        raise
    return "\n".join(part.text for part in result.content if part.type == "text")
