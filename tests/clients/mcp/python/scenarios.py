"""What is tried, with whichever package's client: each scenario is a connection of its own and one line of JSON.

    URL and words are arguments; TOKEN, ERA (old, new, auto) and TRANSPORT (http, sse) stand in the environment.
"""

import asyncio
import json
import os
import sys
import uuid

import anyio
import anyio.lowlevel
from mcp.shared.exceptions import MCPError

from wire import challenged

SCENARIOS = {}


class Seen(list):
    """What was reported so far. The packages tell it in tasks of their own, which may run after the answer is there."""

    async def all(self, count):
        while len(self) < count:
            await anyio.lowlevel.checkpoint()
        return list(self)


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


@scenario
async def connect(open_client):
    async with open_client() as client:
        return client.facts()


@scenario
async def tools(open_client):
    async with open_client() as client:
        return sorted(await client.tools())


@scenario
async def calls(open_client):
    async with open_client() as client:
        return [
            await client.call("echo", {"text": "Zürich – 東京 \u2028 \"quoted\"\n"}),
            await client.call("add", {"a": 2, "b": 3}),
            # An error of the tool is an answer like another.
            await client.call("add", {"a": "two", "b": 3}),
        ]


@scenario
async def together(open_client):
    """Many calls at once over one client."""
    async with open_client() as client:
        said = [None] * 8

        async def one(number):
            said[number] = await client.call("echo", {"text": f"call {number}"})

        async with anyio.create_task_group() as group:
            for number in range(len(said)):
                group.start_soon(one, number)
        return said


@scenario
async def large(open_client):
    async with open_client() as client:
        answer = await client.call("big", {"size": 400_000})
        return [len(answer["text"]), await client.call("length", {"text": "y" * 1_000_000})]


@scenario
async def streaming(open_client):
    """Hundreds of events: all of them, in their order."""
    async with open_client() as client:
        seen = Seen()
        answer = await client.call("stream", {"count": 300}, seen.append)
        return {"in_order": await seen.all(300) == list(range(1, 301)), "answer": answer}


@scenario
async def paced(open_client):
    """No event may be held back: the next one is sent when this one was seen here."""
    async with open_client() as client:
        key, seen = uuid.uuid4().hex, []

        async def see(step):
            seen.append(step)
            await client.call("saw", {"signal": f"{key} {step}"})

        async with anyio.create_task_group() as group:
            answer = await client.call(
                "paced", {"key": key, "count": 5}, lambda step: group.start_soon(see, step)
            )
        return {"seen": seen, "answer": answer}


@scenario
async def interrupted(open_client):
    """The server cuts the connection in the middle; the client comes back with Last-Event-ID by itself."""
    async with open_client() as client:
        seen = Seen()
        answer = await client.call("interrupted", {"count": 6}, seen.append)
        return {"seen": await seen.all(6), "answer": answer}


async def cancel(open_client, silent):
    async with open_client() as client:
        key = uuid.uuid4().hex
        async with anyio.create_task_group() as group:
            group.start_soon(client.call, "slow", {"key": key, "silent": silent})
            await client.call("wait_for", {"signal": f"{key} began"})
            group.cancel_scope.cancel()
        # The server has noticed, or this never ends.
        answer = await client.call("wait_for", {"signal": f"{key} cancelled"})
        return answer["text"].removeprefix(f"{key} ")


@scenario
async def cancelled(open_client):
    return await cancel(open_client, silent=False)


@scenario
async def cancelled_before_any_header(open_client):
    return await cancel(open_client, silent=True)


@scenario
async def ended(open_client):
    """The session ends with its client; whoever comes back with its name is told that there is none."""
    async with open_client() as client:
        await client.call("echo", {"text": "before"})
        session = client.session_id()
    return await client.raw("tools/list", session) if session else None


@scenario
async def unknown_tool(open_client):
    async with open_client() as client:
        return await client.call("no_such_tool", {})


@scenario
async def secret(open_client):
    async with open_client() as client:
        return await client.call("secret_tool", {})


@scenario
async def headers(open_client):
    async with open_client() as client:
        return json.loads((await client.call("whoami", {}))["text"])


@scenario
async def regional(open_client):
    """An argument that stands in a header too, in both of its spellings."""
    async with open_client() as client:
        await client.tools()
        return [await client.call("regional", {"region": region}) for region in ("eu-west", "Zürich", " edge ")]


@scenario
async def stolen(open_client):
    """Somebody else (OTHER_TOKEN) uses this session's name."""
    async with open_client() as client:
        session = client.session_id()
        assert session, "this server keeps no sessions"
        thief = os.environ["OTHER_TOKEN"]
        stolen = [await client.raw(method, session, thief) for method in ("tools/list", "GET", "DELETE")]
        # It was not ended by that.
        return {"stolen": stolen, "owner": await client.call("echo", {"text": "mine"})}


@scenario
async def challenge(_):
    """What the package makes of being turned away: where a token is to be had."""
    return await challenged()


@scenario
async def call(open_client):
    """The tool and the arguments of CALL, as JSON: for servers with other tools than ours."""
    async with open_client() as client:
        return await client.call(*json.loads(os.environ["CALL"]))


def refusal(fault):
    """The server's (or the gateway's) no, as the package shows it to its user."""
    if isinstance(fault, BaseExceptionGroup):
        return refusal(fault.exceptions[0])
    if isinstance(fault, MCPError):
        return {"code": fault.code, "message": fault.message, "data": fault.error.data}
    return {"fault": type(fault).__name__, "message": str(fault)}


def play(open_client):
    for name in sys.argv[2:]:
        # Not forever: what never ends is a failure that says where.
        async def one():
            with anyio.fail_after(30):
                return await SCENARIOS[name](open_client)

        try:
            said = {"outcome": asyncio.run(one())}
        except BaseException as fault:
            said = {"refused": refusal(fault)}
        print(json.dumps({"scenario": name, **said}), flush=True)
