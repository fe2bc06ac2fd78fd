"""What the packages do not show: the session's name, and a request by hand."""

import os
import sys

import httpx2
from mcp.client.auth.utils import extract_resource_metadata_from_www_auth, handle_protected_resource_response


def headers(token=None):
    token = token or os.environ.get("TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def watching(seen):
    async def look(response):
        if session := response.headers.get("mcp-session-id"):
            seen["session"] = session

    return look


async def raw(method, session, token=None):
    """One request of the older protocol, with this session's name: the status."""
    sent = {**headers(token), "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    sent["Mcp-Session-Id"] = session
    async with httpx2.AsyncClient(timeout=30) as http:
        if method in ("GET", "DELETE"):
            async with http.stream(method, sys.argv[1], headers=sent) as answer:
                return answer.status_code
        body = {"jsonrpc": "2.0", "id": "by-hand", "method": method, "params": {}}
        async with http.stream("POST", sys.argv[1], headers=sent, json=body) as answer:
            return answer.status_code


async def challenged():
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.post(sys.argv[1], json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        place = extract_resource_metadata_from_www_auth(answer)
        metadata = await handle_protected_resource_response(await http.get(place))
        issuers = [str(issuer) for issuer in metadata.authorization_servers]
        return {"status": answer.status_code, "resource": str(metadata.resource), "issuers": issuers}
