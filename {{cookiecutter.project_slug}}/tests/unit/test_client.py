"""Where a request comes from."""

from ipaddress import ip_network

import pytest

from chatbot.gateway.access.client import client_bucket, find_client

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def found(peer: str | None, *said: str, proxies: tuple = PROXIES) -> str:
    headers = [(b"x-forwarded-for", value.encode()) for value in said]
    return find_client({"client": (peer, 1) if peer else None, "headers": headers}, proxies)


@pytest.mark.parametrize("said", ["1.2.3.4", "10.0.0.1, 1.2.3.4", "garbage", ""])
def test_nobody_but_a_listed_proxy_is_believed(said: str) -> None:
    assert found("9.9.9.9", said) == "9.9.9.9"
    assert found("127.0.0.1", said, proxies=()) == "127.0.0.1"
    assert found(None, said) == "unknown"


def test_a_listed_proxy_names_the_client() -> None:
    assert found("10.0.0.1", "1.2.3.4") == "1.2.3.4"
    assert (
        found("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.7") == "1.2.3.4"
    )  # what the client wrote itself stands further left
    assert found("10.0.0.1", "6.6.6.6", "1.2.3.4") == "1.2.3.4"
    assert found("10.0.0.1", "2001:db8::1") == "2001:db8::1"


@pytest.mark.parametrize(
    "said", ["", "x", "1.2.3.4, x", "1.2.3.4:80", "localhost", "999.1.1.1", "fe80::1%zone", "fe80::1%" + "z" * 500]
)
def test_whom_a_proxy_does_not_name_is_nobody_in_particular(said: str) -> None:
    """Were it the proxy, a key bound to the proxy's network would be good for everybody behind it."""
    assert found("10.0.0.1", said) == found("10.0.0.1") == "unknown"


def test_a_client_of_ipv6_is_its_first_64_bits() -> None:
    assert client_bucket("2001:db8:1:2:3:4:5:6") == client_bucket("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert client_bucket("::ffff:1.2.3.4") == client_bucket("1.2.3.4") == "1.2.3.4"
    assert client_bucket("nonsense") == "unknown"
