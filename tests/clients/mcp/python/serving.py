"""A port of its own, said on standard output, and one line for every request that arrives."""

import json
import socket

import uvicorn


class Watched:
    """Says of every request what arrived, before it is answered."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
            query = scope["query_string"].decode("latin-1")
            say({"method": scope["method"], "path": scope["path"], "query": query, "headers": headers})
        await self.app(scope, receive, send)


def say(line):
    print(json.dumps(line), flush=True)


def serve(app, path):
    listener = socket.create_server(("127.0.0.1", 0))
    say({"serving": f"http://127.0.0.1:{listener.getsockname()[1]}{path}"})
    config = uvicorn.Config(Watched(app), log_level="warning", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listener])
