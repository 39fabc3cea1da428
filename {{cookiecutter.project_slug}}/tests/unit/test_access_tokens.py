"""Every forged access token that is known, and whose a genuine one is (acc-identity)."""

import asyncio
import time
from typing import Any

import pytest
from pydantic import ValidationError

from chatbot.config.settings import IdentitySettings, Service
from chatbot.core.principal import Role
from chatbot.identity.admission import Carrier
from chatbot.identity.keys import KeyScope
from chatbot.identity.people import service_id, tenant_id, user_id
from chatbot.identity.tokens.access import AccessTokens, Machine
from chatbot.identity.tokens.revocation import Revocation
from tests.doubles.forger import ISSUER, Forger, issuer_with

AUDIENCE = "https://chat.acme.net"
IMPORTED = time.time()
NOW = int(IMPORTED)
# what is made here is judged as at once, however late a slow machine comes to it
pytestmark = pytest.mark.usefixtures("as_at_import")
GENUINE = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "reports",
    "client_id": "reports",
    "iat": NOW,
    "exp": NOW + 600,
    "jti": "j",
    "scope": "chat documents",
}
FORGER = Forger("at+jwt", GENUINE)
signed = FORGER.signed
SETTINGS = IdentitySettings(
    issuer=ISSUER,
    client_id="chatbot",
    introspects=False,
    groups={"g": ("acme", Role.MEMBER)},
    services={
        "reports": Service(tenant="acme", scopes=("chat",), name="Reports"),
        "odd": Service(tenant="globex", scopes=("chat", "documents"), name="Odd", subject="service-account-7"),
    },
)


def find(token: Any) -> Machine | None:
    issuer = issuer_with(SETTINGS)
    return asyncio.run(AccessTokens(SETTINGS, AUDIENCE, issuer, Revocation(issuer)).find(token))


def test_the_genuine_token_is_its_service_s() -> None:
    whole_day = signed(exp=NOW + 86400)
    for token in (signed(), signed(header={"typ": "application/AT+JWT"}), signed(aud=["x", AUDIENCE]), whole_day):
        machine = find(token)
        assert machine is not None
        who = machine.admission.principal
        assert (who.tenant_id, who.role, who.name) == (tenant_id("acme"), Role.SERVICE, "Reports")
        assert who.user_id == service_id("acme", ISSUER, "reports")
        assert machine.admission.carrier is Carrier.TOKEN
        assert machine.admission.credential == "service-reports"  # the same for the next token: no new budget


def test_a_service_is_nobody_who_is_called_the_same() -> None:
    """RFC 9068, section 5: a person whose subject reads like a client's id is another one."""
    assert service_id("acme", ISSUER, "reports") != user_id("acme", ISSUER, "reports")


@pytest.mark.parametrize(
    ("scope", "reached"),
    [
        ("chat documents", {KeyScope.CHAT}),
        ("documents", set()),
        ("", set()),
        (None, set()),
        (["chat"], set()),
        ("chatter", set()),
        ("Chat", set()),
        ("admin chat", {KeyScope.CHAT}),
    ],
    ids=str,
)
def test_a_token_reaches_what_both_it_and_its_entry_name(scope: Any, reached: set[KeyScope]) -> None:
    machine = find(signed(scope=scope))
    assert machine is not None and machine.admission.scopes == reached


def test_a_service_may_have_a_subject_of_its_own() -> None:
    assert find(signed(client_id="odd", sub="service-account-7")) is not None
    assert find(signed(client_id="odd", sub="odd")) is None


FORGED = FORGER.forgeries() | {
    "CVE-2025-41258 an ID token": signed(header={"typ": "JWT"}, aud="chatbot", nonce="n"),
    "CVE-2025-41258 an ID token for our audience": signed(header={"typ": "JWT"}),
    "CVE-2025-41258 no type": signed(header={"typ": None}),
    "CVE-2025-41258 a logout token": signed(header={"typ": "logout+jwt"}),
    "CVE-2025-41258 of the sign-in's audience": signed(aud="chatbot"),
    "audience with a slash": signed(aud=f"{AUDIENCE}/"),
    "a person's, given to the service": signed(sub="alice"),
    "a service that nobody listed": signed(client_id="other", sub="other"),
    "the application itself": signed(client_id="chatbot", sub="chatbot"),
    "no client": signed(client_id=None),
    "clients": signed(client_id=["reports"]),
    "no name": signed(jti=None),
    "a life of more than a day": signed(exp=NOW + 86401),
    "bound to a certificate": signed(cnf={"x5t#S256": "x"}),
    "bound to a key": signed(cnf={"jkt": "x"}),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_nobody_s(token: object, caplog: pytest.LogCaptureFixture) -> None:
    """CVE-2026-28802, CVE-2026-27962, CVE-2025-59420, CVE-2025-61920, CVE-2025-41258; refused, and not written down."""
    assert find(token) is None
    (record,) = caplog.records
    assert record.__dict__["control"] == "acc-identity"
    assert not isinstance(token, str) or len(token) < 20 or token[-20:] not in str(record.__dict__)


@pytest.mark.parametrize(
    "entry",
    [
        {"tenant": "Acme!"}, {"scopes": []}, {"scopes": ["admin"]}, {"name": ""}, {"role": "admin"}, {"subject": ""},
    ],
    ids=str,
)  # fmt: skip
def test_an_unfit_service_is_not_listed(entry: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Service(**{"tenant": "acme", "scopes": ["chat"], "name": "x"} | entry)
