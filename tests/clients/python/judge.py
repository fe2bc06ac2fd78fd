"""Shows the sample's verifier tokens of an issuer whose keys we have: each is right but for one thing."""

import http.server
import json
import sys
import threading
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

sys.path.insert(0, sys.argv[1])
from mcp_server import Verifier  # noqa: E402

RESOURCE = "https://mcp.example.com/financial-data"
elliptic, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
rivest = rsa.generate_private_key(65537, 2048)
keys = [
    {**json.loads(ECAlgorithm.to_jwk(elliptic.public_key())), "kid": "ec", "use": "sig", "alg": "ES256"},
    {**json.loads(RSAAlgorithm.to_jwk(rivest.public_key())), "kid": "rsa", "use": "sig", "alg": "RS256"},
]


class Keys(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"keys": keys}).encode()
        self.send_response(200 if self.path == "/o/.well-known/jwks.json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keys)
threading.Thread(target=server.serve_forever, daemon=True).start()
issuer = f"http://127.0.0.1:{server.server_port}/o"
now = int(time.time())
right = {"iss": issuer, "sub": "agent:a", "aud": RESOURCE, "exp": now + 60, "nbf": now, "iat": now}
right |= {"client_id": "agt_a", "jti": "1", "scope": "mcp:financial"}


def token(key=elliptic, alg="ES256", kid="ec", typ="at+jwt", **claims):
    claims = {name: value for name, value in {**right, **claims}.items() if value is not None}
    headers = {"typ": typ} if kid is None else {"typ": typ, "kid": kid}
    return jwt.encode(claims, key, algorithm=alg, headers=headers)


public = elliptic.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
good, (head, body, mark) = token(), token().split(".")
shown = {
    "right": good,
    "right, RS256": token(rivest, "RS256", "rsa"),
    "right, asked for by its alias": token(aud=[RESOURCE, "urn:mcp:financial-data"]),
    "right, the type's long name": token(typ="application/at+jwt"),
    "signed by another key": token(other),
    "not signed": token(None, "none"),
    "signed with the public key as a password": token(public, "HS256"),
    "the signature of another token": f"{head}.{body}.{token(sub='agent:b').split('.')[2]}",
    "the signature left out": f"{head}.{body}.",
    "a key nobody knows": token(kid="new"),
    "no key named": token(kid=None),
    "a JWT of another type": token(typ="JWT"),
    "a sealed identity": token(typ="identity+jwt"),
    "no type": token(typ=None),
    "another issuer": token(iss=issuer + "/"),
    "no issuer": token(iss=None),
    "for the issuer itself": token(aud=issuer),
    "for another server": token(aud=[RESOURCE + "/", "https://mcp.example.com/documents"]),
    "for nobody": token(aud=None),
    "expired": token(iat=now - 90, nbf=now - 90, exp=now - 1),
    "never expires": token(exp=None),
    "not yet": token(nbf=now + 60),
    "of tomorrow": token(iat=now + 86400, exp=now + 86500),
    "no jti": token(jti=None),
    "no text at all": "",
    "three dots": "...",
    "no JSON": "bm8.bm8.bm8",
}
verifier = Verifier(issuer, RESOURCE)
print(json.dumps({name: verifier.judge(one) is not None for name, one in shown.items()}))
