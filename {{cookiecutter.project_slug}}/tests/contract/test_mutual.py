"""The services' port, and whom a certificate stands for, at their own seams (acc-identity)."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chatbot.config.limits import LimitsSettings
from chatbot.config.settings import IdentitySettings, MutualTlsSettings, Service
from chatbot.core.principal import Role
from chatbot.gateway.serving.mutual import MutualProtocol, TwoPorts
from chatbot.gateway.serving.timed import with_limits
from chatbot.identity.admission import Carrier
from chatbot.identity.certificates import Certificates
from chatbot.identity.people import service_id, tenant_id
from development.certificates import Authority, Issued, as_text
from tests.conftest import free_port
from tests.doubles.certified import HERE, REPORTS, ask, life, nobodys, shown_by, unproved, uri

IDENTITY = IdentitySettings(
    issuer="https://id.acme.net",
    client_id="chatbot",
    groups={"g": ("acme", Role.MEMBER)},
    services={
        "first": Service(tenant="globex", scopes=("documents",), name="Without one"),
        "reports": Service(tenant="acme", scopes=("chat",), name="Reports", certificate=REPORTS),
    },
)
AUTHORITY = Authority()
UNPROVED, NOBODYS = unproved(AUTHORITY), nobodys(AUTHORITY)


@dataclass
class Listening:
    """A server at both ports, with its files."""

    port: int
    folder: Path
    seen: list[dict[str, Any]]

    def ask(self, issued: Issued | None, above: Authority | None = None, **headers: str) -> int:
        return ask(self.port, shown_by(issued, AUTHORITY, above), **headers)[0]


@contextmanager
def listening(folder: Path) -> Iterator[Listening]:
    certificate, key = AUTHORITY.issue(*HERE, server=True).write(folder, "gateway")
    (folder / "authority.pem").write_text(as_text(AUTHORITY.certificate))
    (folder / "revoked.pem").write_bytes(AUTHORITY.revoked())
    at = Listening(free_port(), folder, [])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        at.seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    settings = MutualTlsSettings(
        url=f"https://127.0.0.1:{at.port}",
        port=at.port,
        certificate=certificate,
        key=key,
        client_authorities=folder / "authority.pem",
        revoked=folder / "revoked.pem",
    )
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, ws="none", loop="uvloop")
    server = TwoPorts(config, settings, with_limits(MutualProtocol, LimitsSettings(head_seconds=2)))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)  # polling a server's start
        yield at
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    with listening(tmp_path_factory.mktemp("tls")) as at:
        yield at


def test_a_service_is_told_by_its_certificate_alone(port: Listening) -> None:
    issued = AUTHORITY.issue(uri())
    port.seen.clear()
    headers = {"x_client_cert": "x", "client_cert": ":AAAA:", "x_forwarded_client_cert": "URI=spiffe://other", "x_ssl_client_cert": "x"}  # fmt: skip
    assert port.ask(issued, **headers) == 200
    assert port.seen[0]["peer_chain"] == chain(issued)
    assert port.seen[0]["scheme"] == "https"


@pytest.mark.parametrize("state", UNPROVED)
def test_whoever_proves_nothing_is_not_heard(port: Listening, state: str) -> None:
    port.seen.clear()
    assert port.ask(UNPROVED[state]) == 0
    assert port.seen == []


def test_older_protocols_and_plain_text_are_not_spoken(port: Listening) -> None:
    context = shown_by(AUTHORITY.issue(uri()), AUTHORITY)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert ask(port.port, context)[0] == 0


def test_no_session_is_resumed_past_the_verification(port: Listening) -> None:
    """CVE-2025-23419: a resumed session brings the certificate that was verified elsewhere, or long ago."""
    context = shown_by(AUTHORITY.issue(uri()), AUTHORITY)
    with (
        socket.create_connection(("127.0.0.1", port.port)) as bare,
        context.wrap_socket(bare, server_hostname="localhost") as wire,
    ):
        wire.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert wire.recv(1000).startswith(b"HTTP/1.1 200")
        assert wire.session is None or not wire.session.has_ticket


def test_what_is_revoked_is_refused_from_then_on(tmp_path: Path) -> None:
    mine, other = AUTHORITY.issue(uri()), AUTHORITY.issue(uri())
    with listening(tmp_path) as at:
        assert (at.ask(mine), at.ask(other)) == (200, 200)
        (tmp_path / "revoked.pem").write_bytes(AUTHORITY.revoked(mine.certificate))
        assert (at.ask(mine), at.ask(other)) == (0, 200)
        (tmp_path / "revoked.pem").write_bytes(AUTHORITY.revoked(until=datetime.now(UTC) - timedelta(minutes=1)))
        assert at.ask(other) == 0  # out of date: what was revoked since is not known
        (tmp_path / "revoked.pem").write_bytes(b"")
        assert at.ask(other) == 0
        (tmp_path / "revoked.pem").unlink()
        assert at.ask(other) == 0
        (tmp_path / "revoked.pem").write_bytes(AUTHORITY.revoked())
        assert at.ask(other) == 200


def test_what_stands_between_a_service_and_its_authority_is_told_too(tmp_path: Path) -> None:
    between = AUTHORITY.delegate("Between")
    mine = between.issue(uri())
    with listening(tmp_path) as at:
        (tmp_path / "revoked.pem").write_bytes(AUTHORITY.revoked() + between.revoked())
        assert at.ask(mine, above=between) == 200
        assert at.seen[0]["peer_chain"] == (*chain(mine)[:1], der(between.certificate), der(AUTHORITY.certificate))
        (tmp_path / "revoked.pem").write_bytes(AUTHORITY.revoked(between.certificate) + between.revoked())
        assert at.ask(mine, above=between) == 0


def test_a_certificate_among_the_lists_makes_nobody_an_authority(tmp_path: Path) -> None:
    """OpenSSL trusts every certificate of a file that it is given, whatever the file is called."""
    other = Authority("Another")
    lists = AUTHORITY.revoked() + other.revoked()
    with listening(tmp_path) as at:
        (tmp_path / "revoked.pem").write_bytes(lists + as_text(other.certificate).encode())
        assert (at.ask(other.issue(uri())), at.ask(AUTHORITY.issue(uri()))) == (0, 0)
        (tmp_path / "revoked.pem").write_bytes(lists)
        assert (at.ask(other.issue(uri())), at.ask(AUTHORITY.issue(uri()))) == (0, 200)


def test_files_that_change_within_a_moment_are_read_anew(tmp_path: Path) -> None:
    """Put into place with the times of the old ones, as a copy that keeps them does."""
    mine = AUTHORITY.issue(uri())
    with listening(tmp_path) as at:
        assert at.ask(mine) == 200
        was, new = (tmp_path / "revoked.pem").stat(), tmp_path / "new.pem"
        new.write_bytes(AUTHORITY.revoked(mine.certificate))
        os.utime(new, ns=(was.st_atime_ns, was.st_mtime_ns))
        new.rename(tmp_path / "revoked.pem")
        assert at.ask(mine) == 0


def test_a_server_s_own_renewed_certificate_is_shown_without_a_new_start(tmp_path: Path) -> None:
    context = shown_by(AUTHORITY.issue(uri()), AUTHORITY)

    def shown(port: int) -> bytes | None:
        with (
            socket.create_connection(("127.0.0.1", port)) as bare,
            context.wrap_socket(bare, server_hostname="localhost") as wire,
        ):
            return wire.getpeercert(binary_form=True)

    with listening(tmp_path) as at:
        before = shown(at.port)
        new = AUTHORITY.issue(*HERE, server=True)
        new.write(tmp_path, "gateway")
        assert before != shown(at.port) == new.certificate.public_bytes(Encoding.DER)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def chain(issued: Issued) -> tuple[bytes, ...]:
    return der(issued.certificate), der(AUTHORITY.certificate)


# the certificate of a verified handshake


@pytest.fixture(scope="module", autouse=True)
def _trusted(tmp_path_factory: pytest.TempPathFactory) -> None:
    TRUSTED.append(tmp_path_factory.mktemp("trusted") / "authority.pem")
    TRUSTED[0].write_text(as_text(AUTHORITY.certificate))


TRUSTED: list[Path] = []


def find(issued: Issued, revoked: Path | None = None, **clock: Callable[[], datetime]) -> Any:
    return Certificates(IDENTITY, TRUSTED[0], revoked, **clock).find(chain(issued))


def test_a_certificate_stands_for_the_service_that_its_token_stands_for() -> None:
    machine = find(AUTHORITY.issue(uri()))
    who = machine.admission.principal
    assert who.user_id == service_id("acme", "https://id.acme.net", "reports")
    assert (who.tenant_id, who.role, who.name) == (tenant_id("acme"), Role.SERVICE, "Reports")
    assert machine.admission.carrier is Carrier.CERTIFICATE
    assert machine.admission.credential == "service-reports"
    assert machine.admission.scopes == {"chat"}


@pytest.mark.parametrize("state", NOBODYS)
def test_a_genuine_certificate_that_names_no_service_is_nobody_s(state: str) -> None:
    assert find(NOBODYS[state]) is None


@pytest.mark.parametrize("text", [b"", b"\x30", b"\x30\x82" + b"\xff" * 60, b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_is_nobody_s(text: bytes) -> None:
    ours = der(AUTHORITY.certificate)
    for shown in ((text, ours), (text,), (), (der(AUTHORITY.issue(uri()).certificate), text)):
        assert Certificates(IDENTITY, TRUSTED[0]).find(shown) is None


def test_an_authority_is_no_service() -> None:
    assert Certificates(IDENTITY, TRUSTED[0]).find((der(AUTHORITY.certificate),)) is None


def test_an_open_connection_ends_with_its_authority(tmp_path: Path) -> None:
    listed, other = tmp_path / "authorities.pem", Authority("Another")
    mine = chain(AUTHORITY.issue(uri()))
    for text, holds in (
        (as_text(other.certificate) + as_text(AUTHORITY.certificate), True),
        (as_text(other.certificate), False),
        (as_text(Authority("Development authority").certificate), False),  # whatever it calls itself
        (as_text(AUTHORITY.certificate), True),
        ("", False),
    ):
        listed.write_text(text)
        assert (Certificates(IDENTITY, listed).find(mine) is not None) == holds
    listed.unlink()
    assert Certificates(IDENTITY, listed).find(mine) is None
    assert Certificates(IDENTITY, None).find(mine) is None


def test_an_open_connection_ends_with_what_stands_between_it_and_its_authority(tmp_path: Path) -> None:
    """The service's own certificate is on no list: its issuer's is."""
    between = AUTHORITY.delegate("Between")
    mine = (*chain(between.issue(uri()))[:1], der(between.certificate), der(AUTHORITY.certificate))
    listed = tmp_path / "revoked.pem"
    for text, holds in (
        (AUTHORITY.revoked() + between.revoked(), True),
        (AUTHORITY.revoked(between.certificate) + between.revoked(), False),
        (AUTHORITY.revoked(), False),  # what the one between has revoked is not known
        (between.revoked(), False),
    ):
        listed.write_bytes(text)
        assert (Certificates(IDENTITY, TRUSTED[0], listed).find(mine) is not None) == holds
    old = AUTHORITY.delegate("Old", life=life(-48, 1))
    mine = (*chain(old.issue(uri()))[:1], der(old.certificate), der(AUTHORITY.certificate))
    for hours, holds in ((0, True), (2, False)):
        now = datetime.now(UTC) + timedelta(hours=hours)
        found = Certificates(IDENTITY, TRUSTED[0], clock=lambda now=now: now).find(mine)  # type: ignore[misc]
        assert (found is not None) == holds


def test_an_open_connection_ends_with_its_certificate() -> None:
    """The handshake is long over: each request is judged anew."""
    issued = AUTHORITY.issue(uri(), life=life(-1, 1))
    for hours, holds in ((-2, False), (0, True), (2, False)):
        now = datetime.now(UTC) + timedelta(hours=hours)
        assert (find(issued, clock=lambda now=now: now) is not None) == holds


def test_an_open_connection_ends_when_its_certificate_is_revoked(tmp_path: Path) -> None:
    listed, mine = tmp_path / "revoked.pem", AUTHORITY.issue(uri())
    for text, holds in (
        (AUTHORITY.revoked(), True),
        (Authority("Another").revoked(mine.certificate) + AUTHORITY.revoked(), True),  # numbers are its issuer's
        (AUTHORITY.revoked(mine.certificate), False),
        (AUTHORITY.revoked(AUTHORITY.issue(uri()).certificate), True),
        (AUTHORITY.revoked(until=datetime.now(UTC) - timedelta(seconds=1)), False),
        (b"", False),
        (b"-----BEGIN X509 CRL-----\nnothing\n", False),
        (AUTHORITY.revoked() + as_text(Authority().certificate).encode(), False),
        (AUTHORITY.revoked(mine.certificate, by=" development   AUTHORITY"), False),  # one name, spelt in two ways
    ):
        listed.write_bytes(text)
        assert (find(mine, listed) is not None) == holds
    listed.unlink()
    assert find(mine, listed) is None


def test_the_name_is_not_read_from_the_subject() -> None:
    subject = AUTHORITY.issue(x509.DirectoryName(x509.Name([])))
    assert find(subject) is None
