"""Who is let in after the provider's word, and what ends elsewhere with it, one condition at a time (web-session)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from chatbot.core.principal import Principal, Role
from chatbot.gateway.routes.account import auth
from chatbot.identity.people import NotAdmitted, tenant_id, user_id
from chatbot.identity.sessions import Origin

CLAIMS = {"iss": "https://sso.acme.net", "sub": "alice", "auth_time": 5, "groups": ["staff"]}
GROUPS = {"staff": ("acme", Role.MEMBER), "others": ("globex", Role.MEMBER)}


class House:
    """The parts of a gateway that a sign-in touches, each as a test wants it, and what was done with them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, noted: Role | None, standing: Role | None) -> None:
        self.noted, self.standing_role = noted, standing
        self.ended, self.known = 0, False  # sessions and a row of the person's in the other tenant
        self.did: list[str] = []
        self.closed: list[UUID] = []
        self.theirs: set[UUID] = set()
        self.claims: dict[str, Any] = {}
        self.recorded: list[tuple[UUID, int]] = []
        monkeypatch.setattr(auth, "enrol", self.enrol)
        monkeypatch.setattr(auth, "depart", self.depart)
        monkeypatch.setattr(auth, "record_sign_in", self.record)
        self.parts: Any = SimpleNamespace(
            settings=SimpleNamespace(identity=SimpleNamespace(groups=GROUPS, groups_claim="groups")),
            trail=SimpleNamespace(require=lambda: None),
            sessions=self,
            provider=self,
            valkey=self,
            standing=SimpleNamespace(role=self.role),
            database=SimpleNamespace(acting_for=self.acting_for, vouch_for=lambda *_: "voucher"),
        )

    @contextlib.asynccontextmanager
    async def acting_for(self, principal: Principal) -> AsyncIterator[Principal]:
        yield principal

    async def enrol(self, *_: Any) -> Any:
        return SimpleNamespace(role=self.noted)

    async def depart(self, principal: Principal) -> bool:
        assert principal.tenant_id == tenant_id("globex")
        return self.known

    def record(self, _trail: Any, _scope: Any, principal: Principal, _action: str, status: int, *_: str) -> None:
        self.recorded.append((principal.tenant_id, status))

    async def role(self, _who: Principal) -> Role | None:
        return self.standing_role

    async def close_all(self, user: UUID) -> int:
        self.closed.append(user)
        return self.ended

    async def close_provider_session(self, session: str) -> set[UUID]:
        self.did.append(f"end {session}")
        return self.theirs

    async def read_logout(self, _token: str) -> dict[str, Any]:
        return self.claims

    async def set(self, *_: Any, **__: Any) -> bool:
        return True

    async def close_former(self, principal: Principal) -> None:
        self.did.append(f"end what is no {principal.role}'s")

    async def open(self, principal: Principal, *, authenticated_at: int, origin: Origin) -> str:
        self.did.append(f"open {principal.role} {authenticated_at}")
        return "token"

    async def close(self, token: str) -> None:
        self.did.append(f"close {token}")

    def let_in(self) -> str:
        return asyncio.run(auth.let_in(self.parts, {}, CLAIMS, Origin()))


OPENED = ["end what is no admin's", "open admin 5"]


def test_a_person_let_in_has_the_role_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, noted=Role.ADMIN, standing=Role.ADMIN)
    assert house.let_in() == "token"
    assert (house.did, house.recorded) == (OPENED, [(tenant_id("acme"), 303)])


def test_somebody_suspended_is_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(monkeypatch, noted=None, standing=None)
    with pytest.raises(NotAdmitted):
        house.let_in()
    assert (house.did, house.recorded) == ([], [(tenant_id("acme"), 403)])


@pytest.mark.parametrize("now", [None, Role.MEMBER])
def test_a_person_who_lost_their_right_meanwhile_is_shut_out_again(
    monkeypatch: pytest.MonkeyPatch, now: Role | None
) -> None:
    """An administrator ended what they saw just before this session was there to be seen."""
    house = House(monkeypatch, noted=Role.ADMIN, standing=now)
    with pytest.raises(NotAdmitted):
        house.let_in()
    assert (house.did, house.recorded) == ([*OPENED, "close token"], [(tenant_id("acme"), 403)])


@pytest.mark.parametrize(("ended", "known"), [(1, False), (0, True), (0, False)])
def test_what_ends_in_another_tenant_is_recorded_there(
    monkeypatch: pytest.MonkeyPatch, ended: int, known: bool
) -> None:
    house = House(monkeypatch, noted=Role.ADMIN, standing=Role.ADMIN)
    house.ended, house.known = ended, known
    house.let_in()
    assert house.recorded[:-1] == ([(tenant_id("globex"), 403)] if ended or known else [])


ALICE = {tenant: user_id(tenant, CLAIMS["iss"], "alice") for tenant in ("acme", "globex")}


@pytest.mark.parametrize(
    ("told", "theirs", "closed", "recorded"),
    [
        ({"sid": "x"}, set(), [], []),
        ({"sid": "x"}, {ALICE["acme"]}, [], []),
        ({"sub": "alice"}, set(), ["acme", "globex"], ["acme", "globex"]),
        # the one session that was named, wherever it was used
        ({"sid": "x", "sub": "alice"}, {ALICE["acme"]}, [], ["acme"]),
        # nobody here knows it: the person's
        ({"sid": "x", "sub": "alice"}, set(), ["acme", "globex"], ["acme", "globex"]),
    ],
    ids=str,
)
def test_the_provider_ends_the_session_that_it_names_or_all_of_a_person(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str], theirs: set[UUID], closed: list[str], recorded: list[str]
) -> None:
    async def body() -> bytes:
        return b"logout_token=t"

    house = House(monkeypatch, noted=None, standing=None)
    house.theirs, house.ended = theirs, 1
    house.claims = {"iss": CLAIMS["iss"], "jti": "j"} | told
    request: Any = SimpleNamespace(body=body, scope={})
    assert asyncio.run(auth.end_by_provider(request, house.parts)).status_code == 200
    assert house.did == ([f"end {CLAIMS['iss']}|x"] if "sid" in told else [])
    assert house.closed == [ALICE[tenant] for tenant in closed]
    assert house.recorded == [(tenant_id(tenant), 200) for tenant in recorded]
    house.ended, house.recorded = 0, []
    asyncio.run(auth.end_by_provider(request, house.parts))
    assert house.recorded == [(tenant_id(tenant), 200) for tenant in recorded if ALICE[tenant] in theirs]


@pytest.mark.parametrize(("sid", "known"), [("x", f"{CLAIMS['iss']}|x"), (None, ""), (7, ""), (["x"], "")], ids=str)
def test_a_session_is_the_provider_s_by_the_name_that_it_gives(sid: Any, known: str) -> None:
    request: Any = SimpleNamespace(headers={}, scope={"client_address": "192.0.2.7"})
    assert auth._origin(request, CLAIMS | {"sid": sid}) == Origin("192.0.2.7", "Unknown", known)
