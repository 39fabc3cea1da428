"""Attacks on what a browser gets: policy, cookies, other sites, reflected text."""

import re

from chatbot.operations.attack.crawling import pages_of
from chatbot.operations.attack.probe import Outcome, Probe, broken, held, not_played
from chatbot.operations.attack.target import Target

_EVIL = "https://evil.example"
_MARK = "<zq7xv onload=1>"
_ASKING = ("/", "/login", "/sign-in", "/auth/login", "/v1/models", "/v1/chat/completions")
_NEXT = ("next", "redirect", "redirect_uri", "return_to", "url", "continue")
_HSTS_DAYS = 180
_WIDE = ("'unsafe-inline'", "http:", "https:", "data:", "blob:", "filesystem:", "ws:", "wss:")
_STRICT = ("'nonce-", "'sha256-", "'sha384-", "'sha512-")


def _policy(text: str) -> dict[str, list[str]]:
    """Return the directives as a browser reads them: lower case, and the first of two with one name (CSP 3)."""
    found: dict[str, list[str]] = {}
    for part in text.lower().split(";"):
        if words := part.split():
            found.setdefault(words[0], words[1:])
    return found


def _weakness(policy: dict[str, list[str]]) -> str:
    scripts = policy.get("script-src", policy.get("default-src"))
    if scripts is None:
        return "no script-src and no default-src"
    for name in ("script-src", "script-src-elem", "script-src-attr"):
        for word in policy.get(name, scripts if name == "script-src" else []):
            strict = any(each.startswith(_STRICT) for each in policy.get(name, scripts))
            wide = word in _WIDE or re.match(r"(\w+:)?(//)?\*", word)
            if word == "'unsafe-eval'" or (wide and not strict):
                return f"{name} allows {word}"
    if policy.get("base-uri") not in (["'none'"], ["'self'"]):
        return "base-uri is not 'none' or 'self'"
    return ""


def play_policy(target: Target) -> Outcome:
    """Look at each page's content security policy."""
    pages = [(path, reply) for path, reply in pages_of(target) if reply.is_page]
    if not pages:
        return not_played("no page is served")
    for path, reply in pages:
        weak = _weakness(_policy(reply.header("content-security-policy")))
        if weak:
            return broken(f"{path}: {weak}")
    return held(f"{len(pages)} pages")


def play_framing(target: Target) -> Outcome:
    """Look whether another site may frame a page."""
    pages = [(path, reply) for path, reply in pages_of(target) if reply.is_page]
    for path, reply in pages:
        ancestors = _policy(reply.header("content-security-policy")).get("frame-ancestors", ["*"])
        framed = any(word in _WIDE or "*" in word for word in ancestors)
        if framed and reply.header("x-frame-options").upper() not in ("DENY", "SAMEORIGIN"):
            return broken(f"{path} may be framed by any site")
    return held(f"{len(pages)} pages") if pages else not_played("no page is served")


def play_sniffing(target: Target) -> Outcome:
    """Look whether a browser may take a reply for another kind of content."""
    for path, reply in pages_of(target):
        if reply.body and reply.header("x-content-type-options").lower() != "nosniff":
            return broken(f"{path} comes without nosniff")
    return held("every reply says nosniff")


def play_transport(target: Target) -> Outcome:
    """Look whether the transport can be taken down to plain HTTP."""
    if not target.is_https:
        local = target.host in ("localhost", "::1") or target.host.startswith("127.")
        return not_played("plain HTTP on this machine") if local else broken("the address itself is plain HTTP")
    told = re.search(r"max-age=(\d+)", target.get("/").header("strict-transport-security"))
    if not told or int(told[1]) < _HSTS_DAYS * 86400:
        return broken("no strict-transport-security of half a year or more")
    return held("strict-transport-security")


def play_other_origin(target: Target) -> Outcome:
    """Ask as another site's script would, and see whether it may read the answer."""
    for path in _ASKING:
        for origin in (_EVIL, "null", f"{target.origin}.evil.example"):
            for method in ("GET", "OPTIONS"):
                asked = [("origin", origin), ("access-control-request-method", "POST")]
                reply = target.send(method, path, asked)
                allowed = reply.header("access-control-allow-origin")
                if allowed in (origin, "*"):
                    return broken(f"{method} {path} lets {origin} read: access-control-allow-origin: {allowed}")
    return held("no other origin may read")


def play_other_host(target: Target) -> Outcome:
    """Name another host, as a rebound name or a poisoned proxy would."""
    for path in _ASKING[:4]:
        for header in ("host", "x-forwarded-host", "x-original-host", "forwarded"):
            value = "host=evil.example" if header == "forwarded" else "evil.example"
            reply = target.get(path, (header, value))
            if "evil.example" in reply.header("location") + reply.text:
                return broken(f"{path} builds addresses from the header {header}")
    return held("no address is built from a header")


def play_cookies(target: Target) -> Outcome:
    """Look at every cookie that a visitor is given."""
    seen = 0
    for path, reply in pages_of(target):
        for cookie in reply.all("set-cookie"):
            seen += 1
            name, _, rest = cookie.partition("=")
            attributes = {part.strip().lower() for part in rest.split(";")[1:]}
            if attributes & {"samesite=lax", "samesite=strict"}:
                attributes.add("samesite")
            wanted = {"httponly", "samesite"} | ({"secure"} if target.is_https else set())
            if lacking := sorted(wanted - attributes):
                return broken(f"{path} sets {name[:40]} without {', '.join(lacking)}")
    return held(f"{seen} cookies") if seen else not_played("no cookie is set on the way to signing in")


def play_redirect(target: Target) -> Outcome:
    """Ask the way in to lead to another site afterwards."""
    for path in _ASKING[:4]:
        for name in _NEXT:
            for there in (_EVIL, "//evil.example", "/\\evil.example"):
                location = target.get(f"{path}?{name}={there}").header("location")
                if re.match(r"(https?:)?[/\\]{2}evil\.example", location):
                    return broken(f"{path}?{name}=… redirects to another site")
    return held("no parameter leads to another site")


def play_reflection(target: Target) -> Outcome:
    """Put markup into addresses and see whether it comes back as markup."""
    quoted = "%3Czq7xv%20onload=1%3E"
    questions = [f"{path}?q={quoted}&error={quoted}&message={quoted}" for path in _ASKING[:4]]
    marked = [("accept", "text/html"), ("referer", f"https://x.example/{_MARK}"), ("user-agent", _MARK)]
    for path in (*questions, f"/{quoted}", f"/v1/{quoted}"):
        reply = target.get(path, *marked)
        if _MARK in reply.text and reply.is_page:
            return broken(f"{path[:40]}… comes back as markup")
    return held("nothing comes back as markup")


PROBES = (
    Probe("content policy", "web-csp", "model", "a script of an answer may run", play_policy),
    Probe("framing", "web-csp", "visitor", "another site frames the page and steals clicks", play_framing),
    Probe("sniffing", "web-csp", "document", "an uploaded text is taken for a page", play_sniffing),
    Probe("plain transport", "web-csp", "network", "the way to the server is read and changed", play_transport),
    Probe("another origin", "web-csrf", "visitor", "another site's script reads answers", play_other_origin),
    Probe("another host", "web-csrf", "visitor", "links and redirects lead to the attacker's host", play_other_host),
    Probe("cookies", "web-session", "model", "a script or another site uses the session's cookie", play_cookies),
    Probe("open redirect", "web-session", "visitor", "the way in ends at the attacker's site", play_redirect),
    Probe(
        "reflected markup", "web-output", "visitor", "a link makes the page run the attacker's markup", play_reflection
    ),
)
