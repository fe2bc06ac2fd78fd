"""A server of the `mcp` package: `sessions` (which can be resumed), `json` (no streams), `stateless`, or `sse` (the
transport of 2024)."""

import sys

import mcp.server.lowlevel.server as lowlevel
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from serving import serve
from tools import Signals, add_tools


class Kept(EventStore):
    """Every event of one session, numbered."""

    def __init__(self):
        self.events = []

    async def store_event(self, stream_id, message):
        self.events.append((stream_id, message))
        return str(len(self.events) - 1)

    async def replay_events_after(self, last_event_id, send_callback):
        number = int(last_event_id)
        stream = self.events[number][0]
        for later, (its_stream, message) in enumerate(list(self.events)):
            if later > number and its_stream == stream and message is not None:
                await send_callback(EventMessage(message, str(later)))
        return stream


class KeptApart(StreamableHTTPSessionManager):
    """One store for each session: the package has one for all, in which the requests of two clients that count alike
    are one stream."""

    def _admit_session(self, requestor):
        self.event_store = Kept()
        return super()._admit_session(requestor)


lowlevel.StreamableHTTPSessionManager = KeptApart
kind = sys.argv[1]
server = MCPServer(f"mcp-{kind}", version="1.0", log_level="WARNING")
add_tools(server.tool(), Context, lambda ctx: ctx.headers, Signals())
match kind:
    case "sessions":
        serve(server.streamable_http_app(event_store=Kept(), retry_interval=10), "/mcp")
    case "json":
        serve(server.streamable_http_app(json_response=True), "/mcp")
    case "stateless":
        serve(server.streamable_http_app(stateless_http=True), "/mcp")
    case "sse":
        serve(server.sse_app(), "/sse")
