"""The tools of the test servers, the same whichever package serves them. None of them looks at a clock: what has to
happen in an order is waited for by name."""

import json
from typing import Annotated

import anyio
from pydantic import Field


class Signals:
    """What has happened so far, by name; waiting for what has not."""

    def __init__(self):
        self.events = {}

    def of(self, name):
        return self.events.setdefault(name, anyio.Event())

    def set(self, name):
        self.of(name).set()

    async def wait(self, name):
        await self.of(name).wait()


def add_tools(tool, Context, headers_of, signals):
    """`tool` is the package's decorator, `Context` its class, `headers_of` what it says of the request's headers."""

    @tool
    def echo(text: str) -> str:
        """Says what it is told."""
        return text

    @tool
    def add(a: int, b: int) -> int:
        """The sum of two numbers."""
        return a + b

    @tool
    def secret_tool() -> str:
        """What few may call."""
        return "the secret"

    @tool
    def whoami(ctx: Context) -> str:
        """The headers that arrived with this call."""
        return json.dumps(dict(headers_of(ctx)))

    @tool
    def big(size: int) -> str:
        """A large answer."""
        return "x" * size

    @tool
    def length(text: str) -> int:
        """How long a text is: for large questions."""
        return len(text)

    @tool
    def regional(region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})], ctx: Context) -> str:
        """A tool whose argument stands in a header too."""
        return json.dumps({"region": region, "header": dict(headers_of(ctx)).get("mcp-param-region")})

    @tool
    async def slow(key: str, silent: bool, ctx: Context) -> str:
        """Never ends by itself, only when it is cancelled. Unless it is silent, it says that it has begun."""
        signals.set(f"{key} began")
        try:
            if not silent:
                await ctx.report_progress(1, 2, "begun")
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            signals.set(f"{key} cancelled")
            raise
        return "never"

    @tool
    async def wait_for(signal: str) -> str:
        """Answers as soon as this has happened."""
        await signals.wait(signal)
        return signal

    @tool
    async def stream(count: int, ctx: Context) -> str:
        """Many events in one answer."""
        for step in range(1, count + 1):
            await ctx.report_progress(step, count, f"step {step}")
        return f"{count} steps"

    @tool
    async def paced(key: str, count: int, ctx: Context) -> str:
        """Every event waits until the one before was seen at the other end: what is held back on the way is noticed."""
        for step in range(1, count + 1):
            await ctx.report_progress(step, count, f"step {step}")
            await signals.wait(f"{key} {step}")
        return f"{count} steps"

    @tool
    def saw(signal: str) -> str:
        """Tells `paced` what was seen."""
        signals.set(signal)
        return signal

    @tool
    async def interrupted(count: int, ctx: Context) -> str:
        """Ends the connection in the middle of its answer, which goes on: whoever comes back misses nothing."""
        for step in range(1, count + 1):
            await ctx.report_progress(step, count, f"step {step}")
            if step == count // 2:
                await ctx.close_sse_stream()
        return f"{count} steps"

    @tool
    async def announce(ctx: Context) -> str:
        """Tells the session that its tools have changed, on whatever stream it listens to."""
        await ctx.session.send_tool_list_changed()
        return "announced"
