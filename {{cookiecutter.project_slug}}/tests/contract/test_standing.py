"""Whether an answer may go on, at its own seam: asked again and again, and closed when it cannot be (api-authz)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from chatbot.core.errors import SignInAgain, Unavailable
from chatbot.core.principal import Principal, Role
from chatbot.database.calls.pool import DatabaseFault
from chatbot.gateway.access.actions import Matched
from chatbot.gateway.exchange import until_left
from chatbot.gateway.serving import standing
from chatbot.gateway.serving.standing import NoLongerAdmitted, StandingGuard, StandingWatch
from chatbot.identity.admission import Admission, Carrier
from chatbot.identity.permissions import Action

BOB = Principal(UUID(int=1), UUID(int=3), Role.MEMBER, "bob")
ADMISSIONS = {carrier: Admission(BOB, carrier, "x") for carrier in Carrier}


class Kept:
    """What sessions, programs and people say now; an exception is raised."""

    def __init__(self, **said: Any) -> None:
        self.said = {"open": True, "program": None, "role": Role.MEMBER} | said

    async def _say(self, name: str) -> Any:
        value = self.said[name]
        if isinstance(value, Exception):
            raise value
        return await value() if callable(value) else value

    async def is_open(self, token: str) -> bool:
        return bool(await self._say("open"))

    async def find(self, text: str, address: str) -> Any:
        return await self._say("program")

    async def find_by_certificate(self, certificate: bytes) -> Any:
        return await self._say("program")

    async def role(self, who: Principal) -> Any:
        return await self._say("role")


def scope(carrier: Carrier) -> dict[str, Any]:
    authorization = [(b"authorization", b"Bearer x")]
    return {"admission": ADMISSIONS[carrier], "session_token": "s", "peer_chain": b"c", "headers": authorization}


def check(carrier: Carrier, **said: Any) -> None:
    kept: Any = Kept(**said)
    asyncio.run(StandingWatch(kept, kept, kept, 1).check(scope(carrier)))


PROGRAMS = [carrier for carrier in Carrier if carrier is not Carrier.SESSION]


@pytest.mark.parametrize("carrier", Carrier)
def test_whoever_is_still_admitted_goes_on(carrier: Carrier) -> None:
    check(carrier, program=ADMISSIONS[carrier])


@pytest.mark.parametrize("said", [{"open": False}, {"role": None}, {"role": Role.AUDITOR}], ids=str)
def test_a_person_s_answer_ends_with_session_place_or_role(said: dict[str, Any]) -> None:
    """CVE-2026-44553."""
    with pytest.raises(NoLongerAdmitted):
        check(Carrier.SESSION, **said)


@pytest.mark.parametrize("carrier", PROGRAMS)
@pytest.mark.parametrize("now", [None, replace(ADMISSIONS[Carrier.KEY], principal=replace(BOB, role=Role.AUDITOR))])
def test_a_program_s_answer_ends_with_its_credential_or_role(carrier: Carrier, now: Admission | None) -> None:
    """CVE-2026-44553."""
    with pytest.raises(NoLongerAdmitted):
        check(carrier, program=now)


async def _never() -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "fault", [Unavailable("x"), DatabaseFault(), _never], ids=lambda fault: getattr(fault, "__name__", "x")
)
@pytest.mark.parametrize("carrier", Carrier)
def test_what_cannot_be_asked_in_time_ends_the_answer(
    monkeypatch: pytest.MonkeyPatch, carrier: Carrier, fault: Any
) -> None:
    monkeypatch.setattr(standing, "_ASKING_SECONDS", 0.05)
    for said in ({"open": fault}, {"role": fault}) if carrier is Carrier.SESSION else ({"program": fault},):
        with pytest.raises(Unavailable):
            check(carrier, **said)


# while a body comes in


class Asked:
    """A watch that counts, and refuses when it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.times, self.error = 0, error

    async def check(self, scope: Any) -> None:
        self.times += 1
        if self.error is not None:
            raise self.error


def arrive(
    watch: Asked, *, ago: float, pause: float = 0, admission: Admission | None = ADMISSIONS[Carrier.SESSION]
) -> list[str]:
    """Send a body in two pieces to a guarded route; `pause` is how much older the admission is at the second one."""
    done: list[str] = []
    pieces = [b"a", b"b"]
    matched = Matched("/api/v1/keys", Action.MAKE_KEYS)
    about: dict[str, Any] = {"admission": admission, "admitted_at": time.monotonic() - ago, "matched": matched}

    async def receive() -> dict[str, Any]:
        if len(pieces) == 1:
            about["admitted_at"] -= pause
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def route(scope: Any, receive: Any, send: Any) -> None:
        done.append("begun")
        while (await receive())["more_body"]:
            pass
        done.append("whole")

    guard: Any = StandingGuard(route, watch=watch, fresh_seconds=FRESH)  # type: ignore[arg-type]
    try:
        asyncio.run(guard(about, receive, None))
    except (NoLongerAdmitted, SignInAgain) as error:
        done.append(type(error).__name__)
    return done


FRESH = 600
ENDED = NoLongerAdmitted("x")
IMPORTED = time.time()
NOW = replace(ADMISSIONS[Carrier.SESSION], authenticated_at=int(IMPORTED))
# what is made here is judged as at once, however late a slow machine comes to it
pytestmark = pytest.mark.usefixtures("as_at_import")


def test_a_body_that_comes_at_once_costs_no_question() -> None:
    watch = Asked(ENDED)
    assert arrive(watch, ago=0, admission=NOW) == ["begun", "whole"]
    assert watch.times == 0


def test_a_body_that_took_its_time_is_no_longer_taken_from_whoever_was_let_in() -> None:
    assert arrive(Asked(ENDED), ago=2, admission=NOW) == ["NoLongerAdmitted"]
    assert arrive(Asked(ENDED), ago=0, pause=2, admission=NOW) == ["begun", "NoLongerAdmitted"]  # bytes of any kind
    watch = Asked()
    assert arrive(watch, ago=2, admission=NOW) == ["begun", "whole"]
    assert watch.times == 1  # what was just asked is not asked again


def test_a_dangerous_act_is_still_fresh_when_its_body_is_whole() -> None:
    old = replace(NOW, authenticated_at=int(time.time()) - FRESH - 5)
    assert arrive(Asked(), ago=0, pause=2, admission=old) == ["begun", "SignInAgain"]


def test_what_is_public_is_asked_nothing() -> None:
    watch = Asked(ENDED)
    assert arrive(watch, ago=2, pause=2, admission=None) == ["begun", "whole"]
    assert watch.times == 0


# how an answer is stopped


class Watching:
    """A watch that does as it is told."""

    seconds = 0.01

    def __init__(self, check: Callable[[], Awaitable[None]]) -> None:
        self._check = check

    async def check(self, scope: Any) -> None:
        await self._check()


async def _refuse() -> None:
    raise NoLongerAdmitted("x")


async def _allow() -> None:
    return


def stop(
    watch: Callable[[], Awaitable[None]], work: Callable[[], Awaitable[None]], leaves_after: float = 60
) -> list[str]:
    """Return what happened to the work."""
    seen: list[str] = []

    async def receive() -> dict[str, str]:
        await asyncio.sleep(leaves_after)
        return {"type": "http.disconnect"}

    async def doing() -> None:
        try:
            await work()
            seen.append("finished")
        except asyncio.CancelledError:
            seen.append("stopped")
            raise

    async def run() -> None:
        try:
            await until_left({}, receive, Watching(watch), doing())
        except NoLongerAdmitted:
            seen.append("refused")
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, "something was left behind"

    asyncio.run(run())
    return seen


def test_work_that_may_no_longer_go_on_is_stopped_and_it_is_said() -> None:
    assert stop(_refuse, _never) == ["stopped", "refused"]


def test_work_that_may_go_on_comes_to_its_end() -> None:
    assert stop(_allow, lambda: asyncio.sleep(0.1)) == ["finished"]


def test_a_reader_who_leaves_while_it_is_asked_is_seen_at_once() -> None:
    begun = time.monotonic()
    assert stop(_never, _never, leaves_after=0.05) == ["stopped"]
    assert time.monotonic() - begun < 1  # and not when the question has its answer


def test_what_goes_wrong_in_the_work_is_raised() -> None:
    async def break_down() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        stop(_allow, break_down)


def test_what_goes_wrong_in_the_watch_stops_the_work() -> None:
    async def break_down() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        stop(break_down, _never)
