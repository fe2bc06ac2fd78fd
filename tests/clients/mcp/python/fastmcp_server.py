"""A server of the `fastmcp` package: `sessions` or `stateless`."""

import sys

from fastmcp import Context, FastMCP
from fastmcp.server.dependencies import get_http_headers

from serving import serve
from tools import Signals, add_tools

kind = sys.argv[1]
server = FastMCP(f"fastmcp-{kind}", version="1.0")
add_tools(server.tool, Context, lambda _: get_http_headers(include_all=True), Signals())
serve(server.http_app(path="/mcp", stateless_http=kind == "stateless"), "/mcp")
