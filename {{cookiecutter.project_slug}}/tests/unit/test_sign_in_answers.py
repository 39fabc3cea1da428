"""What the provider's answer must say before somebody is signed in, one condition at a time (acc-identity)."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from chatbot.config.settings import IdentitySettings
from chatbot.core.errors import Unavailable
from chatbot.core.principal import Role
from chatbot.identity.openid import _ENDPOINTS, Attempt, OpenIdProvider, SignInFailed, _check_moment, _check_party
from chatbot.identity.people import NotAdmitted, admit, read_groups
from development.provider_logout import EVENT
from tests.doubles.forger import ISSUER, Forger, issuer_with

IMPORTED = time.time()
NOW = int(IMPORTED)
pytestmark = pytest.mark.usefixtures("as_at_import")
CLAIMS = {"iss": ISSUER, "aud": "chatbot", "sub": "alice", "iat": NOW, "exp": NOW + 600, "nonce": "n", "auth_time": NOW}
SIGNED = Forger("JWT", CLAIMS).signed
ATTEMPT = Attempt("s", "n", "v", again=False, begun=NOW, target="/")
METADATA = {"issuer": ISSUER, "userinfo_endpoint": f"{ISSUER}/me"} | {name: f"{ISSUER}/{name}" for name in _ENDPOINTS}
ANSWER = {"state": "s", "code": "c"}
DAY = 12 * 3600


class Client:
    """Stands for the connections to the provider: a token, and one document for every other address."""

    def __init__(self, token: dict[str, Any], document: Any) -> None:
        self.token, self.document, self.asked = token, document, 0
        self.headers: list[dict[str, str]] = []

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_error: object) -> None:
        return None

    async def fetch_token(self, _address: str, **_sent: str) -> dict[str, Any]:
        self.asked += 1
        return self.token

    async def request(self, _method: str, _address: str, *, withhold_token: bool, headers: dict[str, str]) -> Any:
        assert withhold_token
        self.headers.append(headers)
        return SimpleNamespace(raise_for_status=lambda: None, json=lambda: self.document)


class Provider(OpenIdProvider):
    """The real one, over a token and a document of a test's choice."""

    def __init__(self, metadata: dict[str, Any] | None, token: dict[str, Any], document: Any) -> None:
        settings = IdentitySettings(
            issuer=ISSUER, client_id="chatbot", client_secret=SecretStr("s" * 16), groups={"g": ("acme", Role.MEMBER)}
        )
        super().__init__(settings, "s" * 16, "https://chat.acme.net/auth/callback", issuer_with(settings))
        self._metadata, self.client = metadata, Client(token, document)

    def _client(self) -> Any:
        return self.client

    @property
    def looked(self) -> int:
        return len(self.client.headers)


def completed(
    answer: dict[str, str], metadata: dict[str, Any] | None = None, userinfo: Any = None, **claims: Any
) -> tuple[dict[str, Any] | None, Provider]:
    """Return the claims, or None for a sign-in that failed."""
    token = {"id_token": SIGNED(**claims), "access_token": "a"}
    provider = Provider(METADATA | (metadata or {}), token, userinfo or {"sub": "alice", "groups": ["g"]})
    try:
        return asyncio.run(provider.complete(ATTEMPT, answer)), provider
    except SignInFailed:
        return None, provider


ANNOUNCED = {"authorization_response_iss_parameter_supported": True}


@pytest.mark.parametrize(
    ("answer", "metadata", "good"),
    [
        (ANSWER, {}, True),
        (ANSWER | {"iss": ISSUER}, {}, True),
        (ANSWER | {"iss": ISSUER}, ANNOUNCED, True),
        (ANSWER | {"state": "t"}, {}, False),
        ({"code": "c"}, {}, False),
        (ANSWER | {"iss": "https://evil.example"}, {}, False),
        (ANSWER | {"iss": "https://evil.example"}, ANNOUNCED, False),
        (ANSWER, ANNOUNCED, False),
        (ANSWER | {"error": "access_denied"}, {}, False),
        ({"state": "s"}, {}, False),
        ({"state": "s", "code": ""}, {}, False),
    ],
    ids=str,
)
def test_a_code_goes_to_the_provider_for_a_fit_answer_only(
    answer: dict[str, str], metadata: dict[str, Any], good: bool
) -> None:
    claims, provider = completed(answer, metadata)
    assert (claims is not None) is good
    assert provider.client.asked == good


@pytest.mark.parametrize("claims", [{"nonce": "m"}, {"nonce": None}, {"auth_time": None}, {"auth_time": 1}], ids=str)
def test_an_id_token_of_another_attempt_signs_nobody_in(claims: dict[str, Any]) -> None:
    assert completed(ANSWER, **claims)[0] is None


def test_userinfo_is_asked_for_groups_that_the_id_token_does_not_hold() -> None:
    claims, provider = completed(ANSWER)
    assert claims and (claims["groups"], provider.client.headers) == (["g"], [{"authorization": "Bearer a"}])
    claims, provider = completed(ANSWER, groups=[])
    assert claims and (claims["groups"], provider.looked) == ([], 0)
    for metadata in ({"userinfo_endpoint": None}, {"userinfo_endpoint": 1}):
        claims, provider = completed(ANSWER, metadata)
        assert claims and ("groups" in claims, provider.looked) == (False, 0)


@pytest.mark.parametrize("token", [None, 1])
def test_userinfo_is_not_asked_without_a_token(token: Any) -> None:
    provider = Provider(METADATA, {}, {"sub": "alice", "groups": ["g"]})
    assert (asyncio.run(provider._ask_userinfo(METADATA, token, "alice")), provider.looked) == ({}, 0)


@pytest.mark.parametrize(
    ("ago", "again", "good"),
    [(0, False, True), (DAY + 29, False, True), (DAY + 31, False, False), (29, True, True), (31, True, False),
     (DAY, True, False), (-25, False, True), (-60, False, False)],
)  # fmt: skip
def test_the_proof_is_as_young_as_was_asked_for(ago: int, again: bool, good: bool) -> None:
    attempt = Attempt("s", "n", "v", again, NOW, "/")
    if good:
        _check_moment(NOW - ago, attempt, DAY)
        return
    with pytest.raises(SignInFailed):
        _check_moment(NOW - ago, attempt, DAY)


@pytest.mark.parametrize("moment", [None, "1", float(NOW), True], ids=["none", "text", "float", "true"])
def test_a_proof_without_a_time_is_none(moment: Any) -> None:
    with pytest.raises(SignInFailed, match="start again") as failed:
        _check_moment(moment, ATTEMPT, NOW * 2)
    assert failed.value.why == "no time of authentication"


@pytest.mark.parametrize(
    ("claims", "good"),
    [({"aud": "chatbot"}, True), ({"aud": ["chatbot"]}, True), ({"aud": ["chatbot", "other"], "azp": "chatbot"}, True),
     ({"aud": ["chatbot", "other"]}, False), ({"aud": "chatbot", "azp": "other"}, False), ({"aud": "chatbot", "azp": None}, False),
     ({"aud": "ab"}, True)],
    ids=str,
)  # fmt: skip
def test_a_token_was_given_to_us(claims: dict[str, Any], good: bool) -> None:
    """Whom it is for was checked before; here is whom it was given to."""
    if good:
        _check_party(claims, "chatbot")
        return
    with pytest.raises(SignInFailed):
        _check_party(claims, "chatbot")


@pytest.mark.parametrize(
    ("claims", "good"),
    [({}, True), ({"sub": None, "sid": "x"}, True), ({"sid": "x"}, True), ({"sub": None}, False), ({"sub": ""}, False),
     ({"iat": NOW - 290}, True), ({"iat": NOW - 310}, False), ({"nonce": "n"}, False), ({"events": EVENT}, False),
     ({"events": {EVENT: None}}, False), ({"events": {"other": {}}}, False)],
    ids=range(11),
)  # fmt: skip
def test_a_logout_token_names_somebody_and_is_young(claims: dict[str, Any], good: bool) -> None:
    told = {"nonce": None, "auth_time": None, "jti": "j", "events": {EVENT: {}}} | claims
    provider = Provider(METADATA, {}, {})
    if good:
        assert asyncio.run(provider.read_logout(SIGNED(**told)))["jti"] == "j"
        return
    with pytest.raises(SignInFailed):
        asyncio.run(provider.read_logout(SIGNED(**told)))


@pytest.mark.parametrize(
    "configuration",
    [METADATA | {"issuer": "https://evil.example"}, {"issuer": ISSUER}, METADATA | {"jwks_uri": 1}, ["x"]],
    ids=str,
)
def test_a_configuration_that_is_not_the_issuer_s_or_not_whole_is_none(configuration: Any) -> None:
    provider = Provider(None, {}, configuration)
    with pytest.raises(Unavailable, match=r"names another issuer|lacks an address|expected form"):
        asyncio.run(provider._discover())


def test_a_configuration_is_asked_for_once() -> None:
    provider = Provider(None, {}, METADATA)
    assert asyncio.run(provider._discover()) == asyncio.run(provider._discover()) == METADATA
    assert provider.client.headers == [{}]  # it is public


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"groups": ["a", "b"]}, "groups", ["a", "b"]),
        ({}, "groups", None),
        ({"groups": None}, "groups", None),
        ({"groups": "a"}, "groups", []),
        ({"groups": {"a": 1}}, "groups", []),
        ({"groups": ["a", 1]}, "groups", []),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ["a"]),
        ({"realm_access": ["roles"]}, "realm_access.roles", None),
        ({"realm_access": "x"}, "realm_access.roles.more", None),
        # a claim's own name goes before the way, and an address with dots is a name
        ({"a.b": ["whole"], "a": {"b": ["way"]}}, "a.b", ["whole"]),
        ({"https://acme": {"net/groups": ["a"]}}, "https://acme.net/groups", None),
        ({"groups": {"": ["a"]}}, "groups.", ["a"]),
    ],
    ids=str,
)
def test_groups_are_a_list_of_names_where_the_settings_say(
    claims: dict[str, Any], claim: str, groups: list[str] | None
) -> None:
    assert read_groups(claims, claim) == groups


def test_the_first_listed_group_decides_and_no_group_admits_nobody() -> None:
    listed = {"admins": ("acme", Role.ADMIN), "staff": ("acme", Role.MEMBER), "others": ("globex", Role.MEMBER)}
    told = {"iss": ISSUER, "sub": "alice"}
    for held, role, tenant in (
        (["others", "staff", "admins"], Role.ADMIN, "acme"),
        (["others", "staff"], Role.MEMBER, "acme"),
        (["others"], Role.MEMBER, "globex"),
    ):
        who, slug = admit(told | {"groups": held}, listed)
        assert (who.role, slug) == (role, tenant)
    for nothing in ({}, {"groups": []}, {"groups": ["strangers"]}):
        with pytest.raises(NotAdmitted):
            admit(told | nothing, listed)
