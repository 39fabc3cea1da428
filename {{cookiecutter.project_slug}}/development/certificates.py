"""A private certificate authority for development: the gateway's certificate at the services' port, and a service's.

Made anew at each start. The authority's key is kept by whoever made it, in memory, and written nowhere.
"""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from development.accounts import SERVICES
from development.secret_store import write_private

_LIFE = timedelta(days=30)
_EARLIER = timedelta(minutes=5)  # for clocks that differ


class Authority:
    """Issues certificates and says which are revoked."""

    def __init__(
        self, name: str = "Development authority", *, above: "Authority | None" = None, **changed: Any
    ) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        signer = above or self
        self.certificate = (
            _build(self._name, signer._name, self._key, changed.get("life"))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None if above is None else 0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer._key.public_key()), critical=False)
            .sign(signer._key, SHA256())
        )

    def delegate(self, name: str, **changed: Any) -> "Authority":
        """Return an authority that this one vouches for."""
        return Authority(name, above=self, **changed)

    def issue(self, *names: x509.GeneralName, server: bool = False, **changed: Any) -> "Issued":
        """Return a certificate for these names; `changed` replaces what a usual one has, as tests need it."""
        key = ec.generate_private_key(ec.SECP256R1())
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        now = datetime.now(UTC)
        life = changed.get("life", (now - _EARLIER, now + _LIFE))
        builder = _build(_name("service"), self._name, key, life)
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (usage, True),
            (x509.ExtendedKeyUsage([changed.get("purpose", purpose)]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        ):
            builder = builder.add_extension(extension, critical)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return Issued(builder.sign(self._key, SHA256()), key)

    def revoked(self, *certificates: x509.Certificate, until: datetime | None = None, by: str | None = None) -> bytes:
        """Return the list of revoked certificates, PEM; `by` is another spelling of the authority's name."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name if by is None else _name(by))
            .last_update(now - _EARLIER)
            .next_update(until or now + _LIFE)
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1e6)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        for certificate in certificates:
            entry = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - _EARLIER).build())
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)


class Issued:
    """A certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self._key = key

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write both, PEM; return the paths of certificate and key."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        write_private(certificate, as_text(self.certificate))
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private(key, private.decode())
        return certificate, key


def as_text(certificate: x509.Certificate) -> str:
    """Return a certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def write_certificates(folder: Path) -> Authority:
    """Write the certificates of the gateway, of each service, and of the authority that issued them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    authority = Authority()
    write_private(folder / "authority.pem", as_text(authority.certificate))
    write_private(folder / "revoked.pem", authority.revoked().decode())
    here = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
    authority.issue(*here, server=True).write(folder, "gateway")
    for client, service in SERVICES.items():
        authority.issue(x509.UniformResourceIdentifier(service["certificate"])).write(folder, client)
    return authority


def mutual_tls_settings(folder: Path, port: int) -> dict[str, str]:
    """Return the gateway's settings for them."""
    values = {
        "URL": f"https://127.0.0.1:{port}",
        "PORT": str(port),
        "CERTIFICATE": folder / "gateway.pem",
        "KEY": folder / "gateway.key",
        "CLIENT_AUTHORITIES": folder / "authority.pem",
        "REVOKED": folder / "revoked.pem",
    }
    return {f"CHATBOT_MTLS__{name}": str(value) for name, value in values.items()}


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _build(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    life: tuple[datetime, datetime] | None = None,
) -> x509.CertificateBuilder:
    begin, end = life or (datetime.now(UTC) - _EARLIER, datetime.now(UTC) + _LIFE)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
