"""Finds the pages that a visitor meets first: links and redirects on the target's own origin, and no further."""

import re
from functools import cache
from urllib.parse import urljoin, urlsplit

from chatbot.operations.attack.target import Reply, Target

_MOST_PAGES = 12
_STARTS = ("/", "/login", "/sign-in", "/auth/login")
_LINK = re.compile(r"(?:href|action|src)\s*=\s*[\"']([^\"'#]+)", re.IGNORECASE)
_LEAVING = re.compile(r"log-?out|sign-?out|delete|remove", re.IGNORECASE)


@cache
def pages_of(target: Target) -> tuple[tuple[str, Reply], ...]:
    """Return paths and replies, the start page first. Nothing is sent but GET, nothing that looks like an action."""
    waiting, seen = list(_STARTS), set(_STARTS)
    found: list[tuple[str, Reply]] = []
    while waiting and len(found) < _MOST_PAGES:
        path = waiting.pop(0)
        reply = target.get(path, ("accept", "text/html"))
        found.append((path, reply))
        for link in _links(reply):
            try:
                there = urlsplit(urljoin(target.origin + target.base + path, link))
            except ValueError:
                continue  # no address
            own = f"{there.scheme}://{there.netloc}" == target.origin and there.path.startswith(target.base)
            step = there.path.removeprefix(target.base) + (f"?{there.query}" if there.query else "")
            if (
                own
                and step.isascii()
                and step.isprintable()
                and step
                and step not in seen
                and not _LEAVING.search(step)
            ):
                seen.add(step)
                waiting.append(step)
    return tuple((path, reply) for path, reply in found if reply.status != 404)


def _links(reply: Reply) -> list[str]:
    if location := reply.header("location"):
        return [location]
    return _LINK.findall(reply.text) if reply.is_page else []
