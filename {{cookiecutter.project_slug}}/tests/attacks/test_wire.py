"""A visitor, and a user, with a bare connection: odd targets, hosts, headers and lengths (api-auth, web-csrf, api-validate).

None of them changes who somebody is, which object is meant, or where one request ends and the next begins.
"""

from collections.abc import Iterator

import pytest

from development.stack import Stack
from tests.doubles.person import Person
from tests.doubles.wire import request, speak

SECRET = "/api/v1/session"
REFUSED = {400, 401, 403, 404, 405, 413, 415, 421, 422}


@pytest.fixture(scope="module")
def signed(stack: Stack) -> Iterator[Person]:
    person = Person(stack).sign_in("bob")
    yield person
    person.close()


def cookie(person: Person) -> str:
    return "Cookie: " + "; ".join(f"{name}={value}" for name, value in person.cookies.items())


ODD_TARGETS = [
    "//api/v1/session", "/sign-in/..;/api/v1/session", "/sign-in/../api/v1/session", "/assets/..%2fapi/v1/session",
    "/healthz/../api/v1/session", "/healthz%2f..%2fapi%2fv1%2fsession", "/api%2fv1%2fsession", "/api/v1/session%00", "/api/v1/session%",
    "/api/v1/./session", "/api/v1/session/", "/api/v1/session/.", "/api//v1/session", "/api/v1/session;a=/healthz", "\\api\\v1\\session",
    "/healthz\\..\\api\\v1\\session", "/healthz/api/v1/session", "/API/V1/SESSION",
    "/%61pi/v1/session", "/healthz?/../api/v1/session", "/api/v1/session/healthz", "/sign-in%3f/../api/v1/session", "*",
    "/" + "a" * 60_000, "/api/v1/session?" + "a" * 60_000, "/%c0%af", "/%ff", "/é", "/sign-in%23", "/sign-in/%2e%2e/api/v1/session",
    "healthz", "api/v1/session", "", ":80", "@healthz", "/healthz@/api/v1/session", "/healthz\tx", "http:/api/v1/session", "//healthz",
    "http://", "http:///api/v1/session", "http://[::1/api/v1/session",
]  # fmt: skip


@pytest.mark.parametrize("target", ODD_TARGETS, ids=lambda target: target[:40] or "nothing")
def test_no_target_leads_a_visitor_in(stack: Stack, target: str) -> None:
    """CVE-2026-48710: the checked path and the routed path were two."""
    heard = speak(stack, request(stack, "GET", target))
    assert set(heard.statuses) <= REFUSED, heard.text[:300]
    assert len(heard.statuses) <= 1
    assert "csrf_token" not in heard.text
    assert '"name"' not in heard.text


@pytest.mark.parametrize("target", ODD_TARGETS, ids=lambda target: target[:40] or "nothing")
def test_no_target_is_a_second_name_for_something(stack: Stack, signed: Person, target: str) -> None:
    """CVE-2026-48710."""
    heard = speak(stack, request(stack, "GET", target, cookie(signed)))
    assert set(heard.statuses) <= REFUSED, heard.text[:300]


# what the server's parser cuts off or passes over, before anything here sees it; what is left is the path that is judged
CUT = {"/healthz#/../api/v1/session": "/healthz", "/api/v1/session ": SECRET}


@pytest.mark.parametrize("target", CUT)
def test_what_is_cut_off_a_target_changes_nothing(stack: Stack, signed: Person, target: str) -> None:
    for lines in ([], [cookie(signed)]):
        heard = speak(stack, request(stack, "GET", target, *lines))
        assert heard.statuses == speak(stack, request(stack, "GET", CUT[target], *lines)).statuses
        assert ("csrf_token" in heard.text) == bool(lines and CUT[target] == SECRET)


@pytest.mark.parametrize(
    "authority",
    ["evil.example", "evil.example:80", "user@{own}", "{own}@evil.example", "127.0.0.1", "localhost"],
)
def test_an_address_in_the_target_changes_nothing(stack: Stack, signed: Person, authority: str) -> None:
    """CVE-2026-48710: an absolute target's host is judged beside the header's (RFC 9112, section 3.2.2)."""
    target = "http://" + authority.format(own=stack.url.removeprefix("http://")) + SECRET
    assert set(speak(stack, request(stack, "GET", target, cookie(signed))).statuses) <= {400, 421}
    assert set(speak(stack, request(stack, "GET", target, host="evil.example")).statuses) <= {400, 421}
    own = target.replace(target.removesuffix(SECRET), stack.url)
    assert speak(stack, request(stack, "GET", own)).statuses == [401]
    assert set(speak(stack, request(stack, "GET", own, cookie(signed), host="evil.example")).statuses) <= {400, 421}
    public = target.replace(SECRET, "/healthz")
    heard = speak(stack, request(stack, "GET", public + "/.." + SECRET, cookie(signed)))
    assert set(heard.statuses) <= REFUSED


HOSTS = [
    "{own}/", "{own}/healthz", "{own}?x", "{own}#x", "{own}#", "x@{own}", "{own} x", "{own}\t", "{own},evil.example", "evil.example",
    "{own}.", "{own}:80", "127.0.0.1", "127.0.0.1:0{port}", "127.0.0.1:+{port}", "127.1:{port}", "2130706433:{port}", "0x7f.1:{port}",
    "[::ffff:127.0.0.1]:{port}", "localhost:{port}", "127.0.0.1:{port}\\", "", "127.0.0.1:{port}%00", "127.0.0.1 :{port}", "http://{own}",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/sign-in", SECRET])
def test_no_other_host_is_answered_for(stack: Stack, signed: Person, host: str, path: str) -> None:
    """CVE-2026-48710: a path inside the Host header became the path that was checked."""
    name = host.format(own=stack.url.removeprefix("http://"), port=stack.port)
    heard = speak(stack, request(stack, "GET", path, cookie(signed), host=name))
    # spaces around a value are not part of it (RFC 9110, section 5.5)
    same = {200} if name.strip() == stack.url.removeprefix("http://") else set()
    assert set(heard.statuses) <= {400, 421} | same, heard.text[:300]


@pytest.mark.parametrize("second", ["{own}", "evil.example", ""])
def test_two_hosts_are_none(stack: Stack, second: str) -> None:
    second = second.format(own=stack.url.removeprefix("http://"))
    for lines in ([f"Host: {second}"], [f"host: {second}"], [f"HOST:{second}"]):
        heard = speak(stack, request(stack, "GET", "/healthz", *lines))
        assert set(heard.statuses) <= {400, 421}, heard.text[:300]
    assert set(speak(stack, b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n").statuses) <= {400, 421}
    assert set(speak(stack, b"GET /api/v1/session HTTP/1.0\r\n\r\n").statuses) <= {400, 421}
    # a load balancer's oldest probe (RFC 9112, section 3.2: only HTTP/1.1 demands a Host)
    assert speak(stack, b"GET /readyz HTTP/1.0\r\n\r\n").statuses == [200]


BELIEVED = [
    "X-Forwarded-Host: evil.example", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https", "X-Forwarded-Prefix: /healthz",
    "X-Forwarded-Port: 1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;host=evil.example;proto=https", "X-Original-URL: /healthz",
    "X-Rewrite-URL: /healthz", "X-Original-Host: evil.example", "X-Host: evil.example", "X-HTTP-Method-Override: DELETE",
    "X-HTTP-Method: DELETE", "X-Method-Override: DELETE", "X-Forwarded-User: ada", "X-Remote-User: ada", "Remote-User: ada",
    "X-Authenticated-User: ada", "X-User-Id: 1", "X-Forwarded-Client-Cert: Subject=ada", "X-Client-Cert: x", "X-Tenant-Id: 1",
    "True-Client-IP: 127.0.0.1", "X-Forwarded-Path: /healthz", "X-Accel-Redirect: /healthz", "Destination: /healthz",
]  # fmt: skip


@pytest.mark.parametrize("line", BELIEVED)
def test_no_header_of_a_proxy_changes_a_decision(stack: Stack, signed: Person, line: str) -> None:
    """CVE-2026-48710, and its kin: what a proxy may say is believed of a listed proxy only."""
    assert speak(stack, request(stack, "GET", SECRET, line)).statuses == [401]
    assert speak(stack, request(stack, "GET", "/healthz", line)).statuses == [200]
    assert speak(stack, request(stack, "GET", "/nowhere", line, cookie(signed))).statuses == [404]
    heard = speak(stack, request(stack, "GET", SECRET, line, cookie(signed)))
    assert heard.statuses == [200], "the session was ended, or another method was taken"
    assert "evil.example" not in heard.text
    begun = speak(stack, request(stack, "GET", "/auth/login", line))
    assert begun.statuses == [303]
    assert "evil.example" not in begun.text


SECOND = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
SMUGGLED = {
    "both lengths": (["Content-Length: 6", CHUNKED], b"0\r\n\r\nG"),
    "both, the other way": ([CHUNKED, "Content-Length: 6"], b"0\r\n\r\nG"),
    "two lengths": (["Content-Length: 2", "Content-Length: 3"], b"{}\n"),
    "two lengths in one": (["Content-Length: 2, 3"], b"{}\n"),
    "a signed length": (["Content-Length: +2"], b"{}"),
    "a negative length": (["Content-Length: -2"], b"{}"),
    "a length in hexadecimal": (["Content-Length: 0x2"], b"{}"),
    "a length of letters": (["Content-Length: two"], b"{}"),
    "an endless length": (["Content-Length: " + "9" * 40], b"{}"),
    "a space before the colon": (["Content-Length : 2"], b"{}"),
    "a folded header": (["X-A: b\r\n Content-Length: 2"], b"{}"),
    "a folded encoding": (["Transfer-Encoding:\r\n chunked"], b"0\r\n\r\n"),
    "another encoding": (["Transfer-Encoding: xchunked"], b"2\r\n{}\r\n0\r\n\r\n"),
    "chunked is not last": (["Transfer-Encoding: chunked, identity"], b"2\r\n{}\r\n0\r\n\r\n"),
    "an encoding twice": ([CHUNKED, "Transfer-Encoding: identity"], b"2\r\n{}\r\n0\r\n\r\n"),
    "a negative chunk": ([CHUNKED], b"-2\r\n{}\r\n0\r\n\r\n"),
    "a chunk of letters": ([CHUNKED], b"zz\r\n{}\r\n0\r\n\r\n"),
    "an endless chunk": ([CHUNKED], b"fffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
    "a chunk in 0x": ([CHUNKED], b"0x2\r\n{}\r\n0\r\n\r\n"),
    "a chunk with a longer body": ([CHUNKED], b"2\r\n{}xx\r\n0\r\n\r\n"),
    "a chunk size with a space": ([CHUNKED], b"2 \x00\r\n{}\r\n0\r\n\r\n"),
    "a null in a header": (["X-A: b\x00c", "Content-Length: 2"], b"{}"),
    "a header without a name": ([": b", "Content-Length: 2"], b"{}"),
    "a header without a colon": (["Content-Length 2"], b"{}"),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_where_a_request_ends_is_never_unclear(stack: Stack, signed: Person, name: str) -> None:
    """RFC 9112, section 6.3 and 11.2: what two readers would cut in two ways is refused, and the connection ends."""
    lines, body = SMUGGLED[name]
    own = [f"Origin: {stack.url}", f"X-CSRF-Token: {signed.csrf}", "Content-Type: application/json", cookie(signed)]
    head = "\r\n".join(
        ["POST /api/v1/keys HTTP/1.1", f"Host: {stack.url.removeprefix('http://')}", *own, *lines, "", ""]
    )
    heard = speak(stack, head.encode("latin-1") + body + SECOND.encode(), 1.0)
    assert len(heard.statuses) <= 1, heard.text
    assert set(heard.statuses) <= REFUSED, heard.text[:300]
    assert heard.closed, "the connection stays open, and what is left on it is read as a request"
