"""Certificates of services (part of control acc-identity): mutual TLS (RFC 8705, section 2.1), named as SPIFFE does.

Stops: certificates of another kind, revoked, outlived or of nobody's list, on a connection that is still open too. The
handshake (`chatbot/gateway/serving/mutual.py`) has verified chain and possession; here is judged, for every request,
whom the certificate names, and whether the whole chain up to the authority still holds (RFC 5280, section 6). Fails
closed: a list of revoked certificates that is missing, cannot be read, or is out of date, revokes all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from chatbot.config.settings import IdentitySettings
from chatbot.identity.admission import Carrier
from chatbot.identity.keys import KeyScope
from chatbot.identity.tokens.access import Machine, as_machine
from chatbot.monitoring.refusals import note_refusal

Issuer = tuple[frozenset[tuple[str, str]], ...]  # a name as names are compared
State = tuple[int, int, int]
_LIST = b"-----BEGIN X509 CRL-----"
_UNREADABLE = (
    ValueError,
    x509.ExtensionNotFound,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    x509.InvalidVersion,
)


class BadCertificate(Exception):
    """A certificate that admits nobody. The text says why, for the log."""


@dataclass(frozen=True, slots=True)
class Link:
    """What counts of each certificate of a chain."""

    issuer: Issuer
    serial: int
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Revoked:
    """The serial numbers that each issuer has revoked, and when the first of the lists is out of date."""

    serials: Mapping[Issuer, frozenset[int]]
    until: datetime


class Certificates:
    """Finds which service a certificate stands for. Both files are PEM; without authorities it is nobody's."""

    def __init__(
        self,
        settings: IdentitySettings,
        authorities: Path | None,
        revoked: Path | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._clients = {service.certificate: client for client, service in settings.services.items()}
        self._authorities = authorities
        self._revoked = revoked
        self._clock = clock

    def find(self, chain: Sequence[bytes]) -> Machine | None:
        """Return whose certificate it is, or None.

        `chain` is what the handshake has verified, each DER: the service's own certificate first, the authority last.
        """
        try:
            self._check(chain)
            client = self._clients.get(read_name(chain[0]))
            if client is None:
                raise BadCertificate("no service of ours")
        except BadCertificate as error:
            note_refusal("acc-identity", f"certificate: {error}")
            return None
        scopes = frozenset(map(KeyScope, self._settings.services[client].scopes))
        return as_machine(self._settings, client, Carrier.CERTIFICATE, scopes)

    def _check(self, chain: Sequence[bytes]) -> None:
        now = self._clock()
        links = [read_link(each) for each in chain]
        if not all(link.not_before <= now <= link.not_after for link in links):
            raise BadCertificate("out of date")
        try:
            trusted = self._authorities is not None and chain[-1:] and chain[-1] in read_authorities(self._authorities)
            revoked = None if self._revoked is None else read_revoked(self._revoked)
        except (OSError, ValueError):
            raise BadCertificate("the authorities, or what they revoked, cannot be read") from None
        if not trusted:
            raise BadCertificate("of no authority that is trusted now")
        if revoked is None:
            return
        if now > revoked.until:
            raise BadCertificate("the list of revoked ones is out of date")
        if any(link.serial in revoked.serials.get(link.issuer, {link.serial}) for link in links):
            raise BadCertificate("revoked, or its authority has no list")


@lru_cache(maxsize=256)
def read_link(certificate: bytes) -> Link:
    """Return a certificate's issuer, number and dates. Raises `BadCertificate`."""
    try:
        read = x509.load_der_x509_certificate(certificate)
        return Link(_as_issuer(read.issuer), read.serial_number, read.not_valid_before_utc, read.not_valid_after_utc)
    except _UNREADABLE:
        raise BadCertificate("no readable one") from None


@lru_cache(maxsize=256)
def read_name(certificate: bytes) -> str:
    """Return the name that a client's certificate gives. Raises `BadCertificate`."""
    try:
        read = x509.load_der_x509_certificate(certificate)
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        purposes = read.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        is_authority = any(
            extension.value.ca for extension in read.extensions if isinstance(extension.value, x509.BasicConstraints)
        )
    except _UNREADABLE:
        raise BadCertificate("no readable one of a client") from None
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes or is_authority:
        raise BadCertificate("not for clients")
    found = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(found) != 1:  # which of two would be meant? (SPIFFE X509-SVID, section 2)
        raise BadCertificate("more or fewer than one name")
    return found[0]


def state_of(path: Path) -> State:
    """Return what changes with a file's content, in place or by another file under its name. Raises `OSError`."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def read_authorities(path: Path) -> frozenset[bytes]:
    """Return the certificates, DER, in a PEM file. Raises `OSError` or `ValueError`."""
    return _read_authorities(path, state_of(path))


def read_revoked(path: Path) -> Revoked:
    """Return what the lists in a PEM file revoke. Raises `OSError`, or `ValueError` for anything else in there."""
    return _read_revoked(path, state_of(path))


@lru_cache(maxsize=1)
def _read_authorities(path: Path, _state: State) -> frozenset[bytes]:
    return frozenset(each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(path.read_bytes()))


@lru_cache(maxsize=1)
def _read_revoked(path: Path, _state: State) -> Revoked:
    text = path.read_bytes()
    lists = [x509.load_pem_x509_crl(_LIST + piece) for piece in text.split(_LIST)[1:]]
    until = [found.next_update_utc for found in lists]
    # a certificate among them would be trusted: OpenSSL takes it for an authority's
    if not lists or None in until or text.count(b"-----BEGIN") != len(lists):
        raise ValueError("no list, one without an end, or something else")
    serials: dict[Issuer, frozenset[int]] = {}
    for found in lists:
        issuer = _as_issuer(found.issuer)
        serials[issuer] = serials.get(issuer, frozenset()) | {entry.serial_number for entry in found}
    return Revoked(serials, min(end for end in until if end is not None))


def _as_issuer(name: x509.Name) -> Issuer:
    """Return a name so that two spellings of one are equal: case and spaces do not count (RFC 5280, section 7.1)."""
    return tuple(
        frozenset((each.oid.dotted_string, " ".join(str(each.value).split()).casefold()) for each in part)
        for part in name.rdns
    )
