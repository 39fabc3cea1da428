"""A forger of signed tokens: every known way, for whichever verifier is to refuse them."""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwk, jws, jwt

from chatbot.config.settings import IdentitySettings
from chatbot.identity.tokens.issuer import Issuer

ISSUER = "https://sso.acme.net"
KEY = jwk.generate_key("EC", "P-256", parameters={"kid": "k", "use": "sig", "alg": "ES256"})
OTHER = jwk.generate_key("EC", "P-256", parameters={"kid": "k"})
RSA = jwk.generate_key("RSA", 2048, parameters={"kid": "k"})
PUBLIC = KEY.as_dict(private=False)


def issuer_with(settings: IdentitySettings, *keys: Any) -> Issuer:
    """Return the issuer as it is once its keys are known; none is asked for again."""
    made = Issuer(settings, "s" * 16)
    made._keys = {key.kid: jwk.import_key(key.as_dict(private=False)) for key in keys or (KEY,)}
    made._fetched = made._tried = made._searched = time.monotonic()
    return made


def part(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


class Forger:
    """Makes tokens of one kind: `claims` are a genuine one's, `typ` its type."""

    def __init__(self, typ: str, claims: dict[str, Any]) -> None:
        self.header = {"alg": "ES256", "kid": "k", "typ": typ}
        self.claims = claims

    def signed(self, key: Any = KEY, *, header: dict[str, Any] | None = None, **changed: Any) -> str:
        whole = {name: value for name, value in (self.header | (header or {})).items() if value is not None}
        claims = {name: value for name, value in (self.claims | changed).items() if value is not None}
        registry = jws.JWSRegistry(algorithms=[whole["alg"]], strict_check_header=False)
        return jws.serialize_compact(whole, json.dumps(claims).encode(), key, registry=registry)

    def by_hand(self, header: Any) -> str:
        """Return a token that is genuine but for a header that no library would write (ES256, RFC 7518, section 3.4)."""
        told = f"{part(header)}.{part(self.claims)}"
        made = KEY.private_key.sign(told.encode(), ECDSA(SHA256()))
        numbers = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(made))
        return f"{told}.{base64.urlsafe_b64encode(numbers).rstrip(b'=').decode()}"

    def swapped(self, header: dict[str, Any]) -> str:
        """Return a token under another header, with the genuine signature."""
        _, body, signature = self.signed().split(".")
        return f"{part(header)}.{body}.{signature}"

    def forgeries(self) -> dict[str, object]:
        """Return what every verifier refuses, by name."""
        signed, header, now = self.signed, self.header, int(time.time())
        whole = signed()
        first, body, signature = whole.split(".")
        plain = part(self.claims)
        return {
            "CVE-2026-28802 none": f"{part(header | {'alg': 'none'})}.{plain}.",
            "CVE-2026-28802 none with a signature": f"{part(header | {'alg': 'none'})}.{plain}.{signature}",
            "CVE-2026-28802 None": f"{part(header | {'alg': 'None'})}.{plain}.",
            "CVE-2026-28802 no alg": self.by_hand({"kid": "k", "typ": header["typ"]}),
            "CVE-2026-28802 alg is a list": self.by_hand(header | {"alg": ["ES256"]}),
            "CVE-2026-28802 empty signature": f"{first}.{body}.",
            "CVE-2026-28802 no signature": f"{first}.{body}",
            "CVE-2026-27962 jwk in the header": signed(OTHER, header={"jwk": OTHER.as_dict(private=False)}),
            "CVE-2026-27962 our own jwk": self.by_hand(header | {"jwk": PUBLIC}),
            "CVE-2026-27962 jku": signed(OTHER, header={"jku": "https://evil.example/jwks"}),
            "CVE-2026-27962 x5u": signed(OTHER, header={"x5u": "https://evil.example/cert"}),
            "CVE-2026-27962 x5c": signed(OTHER, header={"x5c": ["MIIB"]}),
            "CVE-2025-59420 crit": self.by_hand(header | {"crit": ["bork"], "bork": "x"}),
            "CVE-2025-59420 crit of a known name": self.by_hand(header | {"crit": ["exp"], "exp": now + 60}),
            "CVE-2025-59420 empty crit": self.by_hand(header | {"crit": []}),
            "CVE-2025-59420 crit swapped": self.swapped(header | {"crit": ["exp"]}),
            "CVE-2025-59420 b64": self.by_hand(header | {"b64": False, "crit": ["b64"]}),
            "another key": signed(OTHER),
            "another key, another name": signed(OTHER, header={"kid": "unknown"}),
            "a path as key name": self.by_hand(header | {"kid": "../../../dev/null"}),
            "HMAC with the public key": jwt.encode(
                header | {"alg": "HS256"}, self.claims, jwk.import_key(json.dumps(PUBLIC), "oct")
            ),
            "RSA": signed(RSA, header={"alg": "RS256"}),
            "a name twice in the header": self.by_hand('{"alg":"none",' + json.dumps(header)[1:]),
            "another spelling of the signature": whole + "=",
            "spaces": f" {whole}",
            "a line more": f"{whole}\n",
            "a body changed": f"{first}.{part(self.claims | {'sub': 'ada'})}.{signature}",
            "CVE-2025-61920 too long": signed(x="a" * 9000),
            "CVE-2025-61920 long header": self.by_hand(header | {"x": "a" * 600}),
            "CVE-2025-61920 deep header": f"{part('[' * 380)}.{plain}.{signature}",
            "CVE-2025-61920 compressed JWE": f"{part({'alg': 'dir', 'enc': 'A128GCM', 'zip': 'DEF'})}..{plain}.x.x",
            "CVE-2025-61920 zip": self.by_hand(header | {"zip": "DEF"}),
            "CVE-2025-61920 many parts": "." * 8000,
            "another issuer": signed(iss="https://evil.example"),
            "issuer with a slash": signed(iss=f"{ISSUER}/"),
            "no issuer": signed(iss=None),
            "another audience": signed(aud="other"),
            "no audience": signed(aud=None),
            "empty audience": signed(aud=[]),
            "several audiences without ours": signed(aud=["a", "b"]),
            "expired": signed(exp=now - 60),
            "no expiry": signed(exp=None),
            "expiry that is text": signed(exp=str(now + 60)),
            "expiry that is no number": signed(exp=float("nan")),
            "expiry without end": signed(exp=float("inf")),
            "no time": signed(iat=None),
            "from the future": signed(iat=now + 600),
            "not yet": signed(nbf=now + 600),
            "no subject": signed(sub=None),
            "empty subject": signed(sub=""),
            "subjects": signed(sub=["alice"]),
            "claims that are a list": jws.serialize_compact(header, b"[]", KEY, algorithms=["ES256"]),
            "text": "token",
            "empty": "",
            "bytes": b"x",
            "nothing": None,
            "a list": ["x"],
        }  # fmt: skip
