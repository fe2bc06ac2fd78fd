"""A secured MCP server: it serves one tool, to whoever brings a token that was exchanged for this very server.

    pip install mcp
    python mcp_server.py --issuer http://127.0.0.1:8080/orgs/default/api/v1

What it checks of a token: the signature (keys of the issuer), the type, the issuer, that it is meant for
this server, the time, and the scope. With --introspect it also asks the issuer whether the token was revoked.
"""

import argparse
import base64
import functools
import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request

import anyio
import jwt
import uvicorn
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings

# What the issuer signs with. A list, never the token's own word: "none" and keys used as passwords end here.
ALGORITHMS = ["ES256", "RS256"]
# RFC 9068 section 4: without this check, any other JWT of the same issuer would pass for an access token.
TYPES = ["at+jwt", "application/at+jwt"]
# RFC 9068 section 2.2, and jti, by which a token is revoked.
CLAIMS = ["iss", "sub", "aud", "exp", "iat", "client_id", "jti"]


class Verifier:
    """Says what a token is worth here; nothing when it is worth nothing."""

    def __init__(self, issuer, resource, introspection=None):
        self.issuer, self.resource, self.introspection = issuer, resource, introspection
        # Keys are kept; an unknown key id makes it look again, but not more often than every 30 seconds.
        self.keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json", timeout=10)

    async def verify_token(self, token):
        # In a thread: keys are fetched, and introspection asked, over the network.
        return await anyio.to_thread.run_sync(functools.partial(self.judge, token))

    def judge(self, token):
        try:
            header = jwt.get_unverified_header(token)
            if str(header.get("typ", "")).lower() not in TYPES:
                return None
            claims = jwt.decode(
                token,
                self.keys.get_signing_key(header.get("kid")),
                algorithms=ALGORITHMS,
                issuer=self.issuer,
                # One of them must be us. A token for the issuer itself, or for another server, stops here:
                # whoever runs that other server must not be able to act in the agent's name at this one.
                audience=self.resource,
                options={"require": CLAIMS},
            )
        except (jwt.PyJWTError, ValueError):
            # Also when no keys can be had: what cannot be verified is refused.
            return None
        if self.introspection and not self.is_active(token):
            return None
        return AccessToken(
            token=token,
            client_id=str(claims["client_id"]),
            scopes=str(claims.get("scope", "")).split(),
            expires_at=int(claims["exp"]),
            resource=self.resource,
            subject=str(claims["sub"]),
            claims=claims,
        )

    def is_active(self, token):
        """Asks the issuer (RFC 7662). No answer means no."""
        name, secret = self.introspection
        words = f"{urllib.parse.quote(name, safe='')}:{urllib.parse.quote(secret, safe='')}"
        request = urllib.request.Request(
            f"{self.issuer}/oauth/introspect",
            data=urllib.parse.urlencode({"token": token}).encode(),
            headers={"Authorization": f"Basic {base64.b64encode(words.encode()).decode()}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer).get("active") is True
        except (OSError, ValueError):
            return False


def serve(options):
    introspection = None
    if options.introspect:
        secret = os.environ.get("MCP_INTROSPECTION_SECRET")
        if not secret:
            raise SystemExit("--introspect needs this server's secret in MCP_INTROSPECTION_SECRET")
        introspection = (options.introspect, secret)
    server = MCPServer(
        "financial-data",
        token_verifier=Verifier(options.issuer, options.resource, introspection),
        # Whoever is refused is told where to find out how to do better (RFC 9728): 401 and 403 name the metadata.
        auth=AuthSettings(
            issuer_url=options.issuer,
            resource_server_url=options.resource,
            required_scopes=[options.scope],
            validate_token_resource=True,
        ),
        log_level="WARNING",
    )

    @server.tool()
    def financial_metric(metric: str) -> str:
        """The latest value of a financial metric, for example EBITDA."""
        return f"{metric}: $1.2M (asked by {get_access_token().subject})"

    host, _, port = options.listen.rpartition(":")
    listener = socket.create_server((host, int(port)))
    print(f"serving http://{host}:{listener.getsockname()[1]}/mcp", flush=True)
    app = server.streamable_http_app(host=host, stateless_http=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    words = argparse.ArgumentParser(description="A secured MCP server.")
    words.add_argument("--issuer", required=True, help="whose tokens it takes: GATEWAY/orgs/ORGANISATION/api/v1")
    words.add_argument(
        "--resource",
        default="https://mcp.example.com/financial-data",
        help="its own https id, as it was registered with the issuer",
    )
    words.add_argument("--scope", default="mcp:financial", help="what a caller's token must grant")
    words.add_argument("--listen", default="127.0.0.1:8765", help="HOST:PORT; port 0 takes a free one")
    words.add_argument(
        "--introspect",
        metavar="ID",
        help="ask the issuer about revocation, as this server (its id, mcp_…); MCP_INTROSPECTION_SECRET holds the secret",
    )
    serve(words.parse_args())
