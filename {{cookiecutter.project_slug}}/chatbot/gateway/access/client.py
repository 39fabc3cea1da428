"""Where a request comes from: what rates and records go by.

Stops: a caller who names another address in a header. The peer of the connection is the client, unless the peer is a
proxy that the settings list: then the last address that X-Forwarded-For adds before the listed ones (RFC 7239,
section 7.4, reads the same for its own header). Fails closed: whom a proxy does not name, or not readably, is unknown:
all of them are one client, and in no network that a key is bound to.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

Networks = Sequence[IPv4Network | IPv6Network]
_UNKNOWN = "unknown"
_HEADER = b"x-forwarded-for"
_IPV6_REST = 64  # bits that one customer chooses freely


def find_client(scope: Scope, proxies: Networks) -> str:
    """Return the client's address as text."""
    peer = scope.get("client")
    address = str(peer[0]) if peer else _UNKNOWN
    if not proxies or not is_listed(address, proxies):
        return address
    said = b",".join(value for name, value in scope["headers"] if name == _HEADER).decode("latin-1")
    for part in reversed(said.split(",")):
        try:
            found = ip_address(part.strip())
        except ValueError:
            return _UNKNOWN
        if "%" in part:
            return _UNKNOWN  # an IPv6 zone is any text
        address = str(found)
        if not is_listed(address, proxies):
            return address
    return address


def client_address(scope: Scope) -> str:
    """Return what `find_client` found for this request at its arrival."""
    return str(scope.get("client_address", _UNKNOWN))


def client_bucket(address: str) -> str:
    """Return what is counted as one client: an address, of IPv6 its first 64 bits."""
    try:
        found = ip_address(address)
    except ValueError:
        return _UNKNOWN
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> _IPV6_REST << _IPV6_REST))
    return address


def is_listed(address: str, proxies: Networks) -> bool:
    """Say whether an address is one of the proxies that the settings list."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in proxies)
