"""Which folder may use which library: a row for each, so that none spreads and none comes in unnoticed."""

import ast
import sys
from collections.abc import Iterator

from proof.rules.rule import Rule, Source, is_product

# the folders of chatbot/ that may import a library; everything third-party stands here
HOMES: dict[str, tuple[str, ...]] = {
    "alembic": ("database",),
    "anyio": ("gateway",),
    "asyncpg": ("database",),
    "authlib": ("identity",),
    "celery": ("jobs", "worker", "wiring.py"),
    "cryptography": ("identity", "jobs"),
    "chardet": ("retrieval/parsing",),
    "fastapi": ("gateway",),
    "httptools": ("outbound",),
    "httpx2": ("identity", "operations"),
    "joserfc": ("identity",),
    "jsonschema": ("tools",),
    "kombu": ("jobs",),
    "limits": ("config", "limits"),
    "lxml": ("retrieval/parsing",),
    "markdown_it": ("chat", "retrieval/parsing"),
    "mdit_py_plugins": ("retrieval/parsing",),
    "orjson": ("chat", "database", "gateway", "identity", "limits", "model", "tools"),
    "psycopg": ("database",),
    "pydantic": ("config", "gateway", "tools", "wiring.py"),
    "pygments": ("chat",),
    "pypdfium2": ("retrieval/parsing",),
    "redis": ("identity", "jobs", "gateway", "limits", "wiring.py"),
    "referencing": ("tools",),
    "slowapi": ("limits",),
    "snowballstemmer": ("model",),
    "sqlalchemy": ("database",),
    "starlette": ("gateway",),
    "uvicorn": ("gateway",),
}
# what opens connections, runs programs or reaches past Python by itself: as if it were a library
_STANDARD = {
    "ctypes": ("retrieval/parsing",),
    "http.client": (),
    "socket": ("gateway/serving",),
    "ssl": ("database", "gateway/serving", "identity/tokens", "jobs", "outbound", "wiring.py"),
    "subprocess": ("retrieval",),
    "urllib.request": (),
}

_OPENING = ("open_connection", "open_unix_connection", "create_connection")


def find_strays(source: Source) -> Iterator[int]:
    """Yield imports of a library outside its home."""
    for node in ast.walk(source.tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        opening = isinstance(node, ast.Attribute) and node.attr in _OPENING
        if opening and not source.is_below("chatbot/outbound"):
            yield node.lineno  # type: ignore[attr-defined]  # an attribute has a line
        if any(not _is_home(source, name) for name in names):
            yield node.lineno  # type: ignore[attr-defined]  # only imports have names


def _is_home(source: Source, name: str) -> bool:
    top = name.partition(".")[0]
    if name in _STANDARD:
        homes = _STANDARD[name]
    elif top == "chatbot" or top in sys.stdlib_module_names:
        return True
    else:
        homes = HOMES.get(top, ())
    return any(source.is_below(f"chatbot/{home}") for home in homes)


RULES = (
    Rule(
        "library-home",
        "each library is used in its own folders only (proof/rules/imports.py): add a row, or use what is there",
        lambda source: is_product(source) and source.is_below("chatbot"),
        find_strays,
        ("import sqlalchemy", "from redis.asyncio import Redis", "import requests", "import httptools", "import socket", "import ctypes",
         "from lxml import etree", "from pypdfium2 import PdfDocument", "from chardet import detect",
         "from urllib.request import urlopen", "import subprocess",
         "from urllib import request", "from http import client", "await asyncio.open_connection(x, 1)"),
        ("import json", "from chatbot.core.errors import Problem", "from urllib.parse import urlsplit", "import orjson"),
        sample_path="chatbot/chat/sample.py",
    ),
)  # fmt: skip
