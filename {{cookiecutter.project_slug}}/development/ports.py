"""The ports: chosen once per checkout, since the identity provider's address is part of who people are."""

import json
import socket
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import psutil

from development.places import CannotStart
from development.secret_store import write_private

_FIRST = 8000
_LAST = 8999


class Ports(NamedTuple):
    """Where each part listens. `services` is the gateway's other port, for mutual TLS; `model` the small model's."""

    gateway: int
    identity: int
    toolserver: int
    services: int
    model: int = 0


def choose_ports(path: Path, wanted: int | None, *, small_model: bool = False) -> Ports:
    """Return the ports of all parts. Raises `CannotStart` naming one that is taken.

    At the first start the first free ones from 8000 on are taken and kept. `wanted` moves the gateway only. The small
    model has one only where it runs.
    """
    kept = json.loads(path.read_text()) if path.exists() else {}
    gateway = wanted or kept.get("gateway") or _next_free(_FIRST)
    kept.setdefault("gateway", gateway)
    others = [part for part in Ports._fields[1:] if small_model or part != "model"]
    for part in others:  # a checkout made before a part existed gets its port now
        kept.setdefault(part, 0)
        kept[part] = kept[part] or _next_free(_FIRST, {gateway, *kept.values()})
    ports = Ports(gateway, **{part: kept[part] for part in others})
    for port in filter(None, ports):
        if not is_free(port):
            raise CannotStart(
                f"Port {port} is taken{_by_whom(port)}. Stop that program, or choose another port: make run PORT=8100"
            )
    write_private(path, json.dumps(kept))
    return ports


def is_free(port: int) -> bool:
    """Say whether a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def _next_free(first: int, others: Collection[int] = ()) -> int:
    for port in range(first, _LAST + 1):
        if port not in others and is_free(port):
            return port
    raise CannotStart(f"Every port from {first} to {_LAST} is taken.")


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return ""
