"""Attacks on the way into the OpenAI-compatible interface: without a key, with a made-up one, past the gate."""

import base64
import json

from chatbot.operations.attack.probe import Outcome, Probe, broken, held, not_played
from chatbot.operations.attack.target import Header, Reply, Target

# RFC 7519, section 6: a token that says of itself that nobody signed it
_UNSIGNED = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    for part in (b'{"alg":"none"}', b'{"sub":"admin","exp":9999999999}', b"")
)
_MADE_UP = ("x", "null", "undefined", "' OR '1'='1", '" OR ""="', "*", "sk-", "%00", "admin", _UNSIGNED)
_NAMING = """
    x-forwarded-user x-remote-user remote-user x-user-id x-user x-auth-request-email x-forwarded-email
    x-authenticated-user x-consumer-username x-webauth-user x-original-user cf-access-authenticated-user-email
""".split()
_SPELLED = """
    /v1/models/ //v1/models /v1//models /v1/./models /v1/models;x.css /v1/models/x.css /v1/models%20 /v1/models%2f
    /%76%31/models /V1/MODELS /v1/models?x.css /static/../v1/models /assets/..%2fv1/models /healthz/../v1/models
    /v1/models%00.css /v1/models.json
""".split()
_REWRITTEN = ("x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-override-url")
_INSIDE = {
    "/docs": "swagger",
    "/redoc": "redoc",
    "/openapi.json": '"openapi"',
    "/api/openapi.json": '"openapi"',
    "/swagger.json": "swagger",
    "/metrics": "# help",
    "/.env": "=",
    "/.git/config": "[core]",
    "/debug": "debug",
    "/debug/vars": "{",
    "/config": "{",
    "/server-status": "apache",
    "/actuator/env": "{",
    "/graphql": "errors",
    "/v1/keys": "[",
    "/admin": "admin",
}


def question(target: Target, **changed: object) -> bytes:
    """Return the body of a small question."""
    asked = {"model": target.model, "messages": [{"role": "user", "content": "Say yes."}]}
    return json.dumps(asked | changed).encode()


def refused(target: Target, evidence: str) -> Outcome:
    """Return that the way in is shut, if it is there at all: a path that does not exist was not defended."""
    status = target.get("/v1/models").status
    return held(evidence) if status in (401, 403) else not_played(f"no interface asks for a key (status {status})")


def is_inside(reply: Reply) -> bool:
    """Say whether the interface did its work: a list of models, or an answer."""
    return reply.status == 200 and ('"data"' in reply.text or '"choices"' in reply.text)


def _way_in(target: Target, *headers: Header) -> str:
    """Return the request that got in with these headers alone, or nothing."""
    if is_inside(target.get("/v1/models", *headers)):
        return "GET /v1/models"
    kind = ("content-type", "application/json")
    asked = target.send("POST", "/v1/chat/completions", [kind, *headers], question(target))
    return "POST /v1/chat/completions" if is_inside(asked) else ""


def play_no_key(target: Target) -> Outcome:
    """Ask without any credential."""
    way = _way_in(target)
    return broken(f"{way} works without a key") if way else refused(target, "refused without a key")


def play_made_up_key(target: Target) -> Outcome:
    """Ask with keys that nobody was given."""
    for key in _MADE_UP:
        for name, value in (("authorization", f"Bearer {key}"), ("x-api-key", key), ("api-key", key)):
            if way := _way_in(target, (name, value)):
                return broken(f"{way} takes the made-up {name} {key[:14]!r}")
    return refused(target, f"{len(_MADE_UP)} made-up keys refused")


def play_key_in_address(target: Target) -> Outcome:
    """Send the genuine key where it would be logged."""
    if not target.key:
        return not_played("needs --key-file")
    for name in ("api_key", "key", "access_token", "token"):
        if is_inside(target.get(f"/v1/models?{name}={target.key}")):
            return broken(f"the key is taken from the address (?{name}=…), so logs and histories hold it")
    return held("the key is not taken from the address")


def play_named_identity(target: Target) -> Outcome:
    """Say who one is in the headers that a proxy would set."""
    for name in _NAMING:
        if way := _way_in(target, (name, "admin")):
            return broken(f"{way} believes the header {name}")
    return refused(target, f"{len(_NAMING)} identity headers ignored")


def play_spelling(target: Target) -> Outcome:
    """Spell the protected path otherwise."""
    for path in _SPELLED:
        if is_inside(target.get(path)):
            return broken(f"GET {path} gets past the gate")
    for name in _REWRITTEN:
        if is_inside(target.get("/", (name, "/v1/models"))):
            return broken(f"the header {name} gets past the gate")
    if is_inside(target.send("POST", "/v1/models", [("x-http-method-override", "GET")])):
        return broken("x-http-method-override gets past the gate")
    return refused(target, f"{len(_SPELLED) + len(_REWRITTEN) + 1} spellings refused")


def play_inside(target: Target) -> Outcome:
    """Ask for what only operators and developers need."""
    for path, mark in _INSIDE.items():
        reply = target.get(path)
        if reply.status == 200 and mark in reply.text.lower():
            return broken(f"{path} is open to everybody")
    return held(f"{len(_INSIDE)} places closed")


PROBES = (
    Probe("no key", "api-auth", "visitor", "the interface is open to everybody", play_no_key),
    Probe("made-up key", "api-auth", "visitor", "a key that nobody was given opens the interface", play_made_up_key),
    Probe("key in the address", "api-auth", "network", "a logged address holds a working key", play_key_in_address),
    Probe("named identity", "api-auth", "visitor", "a header makes the caller somebody else", play_named_identity),
    Probe("spelling of a path", "api-auth", "visitor", "another spelling gets past the gate", play_spelling),
    Probe("inside places", "api-auth", "visitor", "documentation, metrics or secrets are read", play_inside),
)
