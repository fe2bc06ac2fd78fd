"""Does with the real package what it reads, line by line, and says what came of it: one JSON line for each.

    {"call": "agent.authenticate", "args": [], "kwargs": {}}    {"read": "agent.token_scopes"}
    {"set": "agent._token_expires_at", "to": 0}
"""

import json
import logging
import sys

import requests
from lumoauth import LumoAuthAgent

said = []


class Kept(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())


logging.getLogger("lumoauth").addHandler(Kept())
logging.getLogger("lumoauth").setLevel(logging.INFO)
agent = LumoAuthAgent()


def find(path):
    first, *names = path.split(".")
    assert first == "agent", path
    found = agent
    for name in names:
        found = getattr(found, name)
    return found


def plain(value):
    if isinstance(value, requests.Response):
        try:
            body = value.json()
        except ValueError:
            body = value.text
        return {"status": value.status_code, "headers": {k.lower(): v for k, v in value.headers.items()}, "body": body}
    return value


def obey(order):
    if "read" in order:
        return plain(find(order["read"]))
    if "set" in order:
        path, _, name = order["set"].rpartition(".")
        setattr(find(path), name, order["to"])
        return None
    return plain(find(order["call"])(*order.get("args", []), **order.get("kwargs", {})))


for line in sys.stdin:
    said.clear()
    try:
        answer = {"value": obey(json.loads(line))}
    except Exception as fault:
        answer = {
            "raised": type(fault).__name__,
            "is_a": [one.__name__ for one in type(fault).__mro__],
            "message": str(fault),
            "status": getattr(fault, "status_code", None),
            "code": getattr(fault, "code", None),
            "body": getattr(fault, "body", None),
            "retry_after": getattr(fault, "retry_after", None),
        }
    print(json.dumps({**answer, "log": list(said)}), flush=True)
