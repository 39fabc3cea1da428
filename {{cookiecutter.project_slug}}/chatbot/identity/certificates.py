"""Certificates of services (part of control acc-identity): mutual TLS (RFC 8705, section 2.1), named as SPIFFE does.

Stops: certificates of another kind, revoked, outlived or of nobody's list, on a connection that is still open too. The
handshake (`chatbot/gateway/serving/mutual.py`) has verified chain and possession; here is judged,
for every request, whom the certificate names and whether it still holds. Fails closed: a list of revoked certificates
that cannot be read, or that is out of date, revokes all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chatbot.config.settings import IdentitySettings
from chatbot.identity.admission import Carrier
from chatbot.identity.keys import KeyScope
from chatbot.identity.tokens.access import Machine, as_machine
from chatbot.monitoring.refusals import note_refusal


class BadCertificate(Exception):
    """A certificate that admits nobody. The text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What counts of a certificate."""

    name: str
    serial: tuple[bytes, int]
    not_before: datetime
    not_after: datetime


class Certificates:
    """Finds which service a certificate stands for."""

    def __init__(
        self,
        settings: IdentitySettings,
        revoked: Path | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._clients = {service.certificate: client for client, service in settings.services.items()}
        self._revoked = revoked
        self._clock = clock

    def find(self, certificate: bytes) -> Machine | None:
        """Return whose certificate it is (DER, from a verified handshake), or None."""
        try:
            presented = read_certificate(certificate)
            self._check(presented)
            client = self._clients.get(presented.name)
            if client is None:
                raise BadCertificate("no service of ours")
        except BadCertificate as error:
            note_refusal("acc-identity", f"certificate: {error}")
            return None
        scopes = frozenset(map(KeyScope, self._settings.services[client].scopes))
        return as_machine(self._settings, client, Carrier.CERTIFICATE, scopes)

    def _check(self, presented: Presented) -> None:
        now = self._clock()
        if not presented.not_before <= now <= presented.not_after:
            raise BadCertificate("out of date")
        if self._revoked is None:
            return
        try:
            changed = self._revoked.stat().st_mtime_ns
            serials, until = _read_revoked(self._revoked, changed)
        except (OSError, ValueError):
            raise BadCertificate("the list of revoked ones cannot be read") from None
        if now > until:
            raise BadCertificate("the list of revoked ones is out of date")
        if presented.serial in serials:
            raise BadCertificate("revoked")


@lru_cache(maxsize=256)
def read_certificate(certificate: bytes) -> Presented:
    """Return what a client's certificate says of itself. Raises `BadCertificate`."""
    try:
        read = x509.load_der_x509_certificate(certificate)
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        purposes = read.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        is_authority = any(
            extension.value.ca for extension in read.extensions if isinstance(extension.value, x509.BasicConstraints)
        )
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        raise BadCertificate("no readable one of a client") from None
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes or is_authority:
        raise BadCertificate("not for clients")
    found = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(found) != 1:  # which of two would be meant? (SPIFFE X509-SVID, section 2)
        raise BadCertificate("more or fewer than one name")
    serial = (read.issuer.public_bytes(), read.serial_number)
    return Presented(found[0], serial, read.not_valid_before_utc, read.not_valid_after_utc)


@lru_cache(maxsize=1)
def _read_revoked(path: Path, _changed: int) -> tuple[frozenset[tuple[bytes, int]], datetime]:
    """Return the serial numbers of all lists in a PEM file, and when the first of them is out of date."""
    start = b"-----BEGIN X509 CRL-----"
    lists = [x509.load_pem_x509_crl(start + piece) for piece in path.read_bytes().split(start)[1:]]
    until = [found.next_update_utc for found in lists]
    if not lists or None in until:
        raise ValueError("no list, or one without an end")
    serials = frozenset((found.issuer.public_bytes(), entry.serial_number) for found in lists for entry in found)
    return serials, min(end for end in until if end is not None)
