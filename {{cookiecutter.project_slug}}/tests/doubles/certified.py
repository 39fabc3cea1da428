"""Whoever comes to the services' port: with a certificate, with none, with one of another's."""

import http.client
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from development.certificates import Authority, Issued, as_text
from development.stack import Stack

REPORTS = "spiffe://acme.example/reports"
HERE = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))


def uri(name: str = REPORTS) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(name)


def life(begin: float, end: float) -> tuple[datetime, datetime]:
    """Return a life in hours from now."""
    now = datetime.now(UTC)
    return now + timedelta(hours=begin), now + timedelta(hours=end)


def shown_by(issued: Issued | None, authority: Authority, above: Authority | None = None) -> ssl.SSLContext:
    """Return a client's context: it trusts the authority's servers and shows a certificate, with the one above it."""
    context = ssl.create_default_context(cadata=as_text(authority.certificate))
    if issued is not None:
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = issued.write(Path(folder), "client")
            if above is not None:
                certificate.write_text(certificate.read_text() + as_text(above.certificate))
            context.load_cert_chain(certificate, key)
    return context


def ask(port: int, context: ssl.SSLContext, method: str = "GET", path: str = "/", **headers: str) -> tuple[int, str]:
    """Return status and body; (0, why) when the handshake, or the other end, ends the connection."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected) as error:
        return 0, str(error)
    finally:
        connection.close()


def unproved(authority: Authority) -> dict[str, Issued | None]:
    """Return what no handshake survives: whoever shows it has not proved to be anybody."""
    other = Authority("Development authority")  # whatever an authority calls itself
    return {
        "none": None,
        "another authority's": other.issue(uri()),
        "expired": authority.issue(uri(), life=life(-48, -1)),
        "not yet valid": authority.issue(uri(), life=life(1, 48)),
        "a server's": authority.issue(uri(), server=True),
        "for mail": authority.issue(uri(), purpose=ExtendedKeyUsageOID.EMAIL_PROTECTION),
    }


def nobodys(authority: Authority) -> dict[str, Issued]:
    """Return genuine certificates that name no service of the settings."""
    return {
        "another service's": authority.issue(uri("spiffe://acme.example/billing")),
        "a longer name": authority.issue(uri(f"{REPORTS}/x")),
        "a shorter name": authority.issue(uri(REPORTS[:-1])),
        "another spelling": authority.issue(uri("SPIFFE://acme.example/reports")),
        "two names": authority.issue(uri(), uri("spiffe://acme.example/billing")),
        "a name twice": authority.issue(uri(), uri()),
        "a host's name": authority.issue(x509.DNSName("reports")),
        "no name": authority.issue(),
        "any purpose": authority.issue(uri(), purpose=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    }


def certified(stack: Stack, issued: Issued) -> httpx2.Client:
    """Return a client of the stack's services' port that shows a certificate."""
    return httpx2.Client(
        base_url=stack.services_url, verify=shown_by(issued, stack.authority), trust_env=False, timeout=30
    )
