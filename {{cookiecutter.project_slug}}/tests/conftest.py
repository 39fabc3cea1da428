"""One running stack for the whole session, and the people who use it."""

import asyncio
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from chatbot.config.loading import load_settings
from chatbot.core.principal import Role
from chatbot.gateway.access.rates import DEFAULTS
from development.load_accounts import make_accounts
from development.ports import Ports, is_free
from development.postgres import Postgres
from development.stack import Stack
from tests.doubles.container_postgres import ContainerPostgres, find_obstacle
from tests.doubles.person import Person
from tests.doubles.refusals import Refusals
from tests.doubles.upstream import ScriptedModel

MODEL_KEY = "sk-test-canary-5f21c0"


# below the ports that a kernel gives to outgoing connections, one of which could take a port between choice and use;
# processes that run tests side by side begin far from each other
_PORTS = count(10_000 + os.getpid() * 211 % 20_000)


def free_port() -> int:
    return next(filter(is_free, _PORTS))


def make_state() -> Path:
    """Return a new state folder that the servers' own account can reach, with ports of its own."""
    state = Path(tempfile.mkdtemp(prefix="chatbot-test-", dir="/tmp"))
    if os.getuid() == 0:
        state.chmod(0o711)
    (state / "ports.json").write_text(json.dumps({part: free_port() for part in Ports._fields}))
    return state


# the tests are one busy client: limits have stacks of their own (tests/flows/test_rates.py, test_budgets.py)
BOUNDLESS = {
    "CHATBOT_LIMITS__RATES": json.dumps({name: "1000000/minute" for name in DEFAULTS}),
    "CHATBOT_LIMITS__BUDGETS": json.dumps({scope: {} for scope in ("user", "key", "tenant", "all")}),
    "CHATBOT_LIMITS__MOST_ANSWERS_EACH": "1000",
    "CHATBOT_LIMITS__STANDING_SECONDS": "0.3",
}

LIMITED = {
    "CHATBOT_LIMITS__RATES": json.dumps(
        {name: "1000000/minute" for name in DEFAULTS}
        | {
            "questions-by-person": "12/day",
            "completions-by-person": "600/day",
            "refused-credentials-by-address": "20/day",
        }
    ),
    "CHATBOT_LIMITS__BUDGETS": json.dumps(
        {"user": {"tokens": {"day": 400_000}}, "key": {"tokens": {"day": 300_000}}, "tenant": {}, "all": {}}
    ),
    "CHATBOT_LIMITS__PRICES": json.dumps({"scripted": {"input": 2.5, "output": 10}}),
    "CHATBOT_LIMITS__MOST_ANSWERS_EACH": "200",
    "CHATBOT_LIMITS__MAX_REQUESTS_PER_PERSON": "1000",
    "CHATBOT_LIMITS__MOST_CONNECTIONS": "300",
    "CHATBOT_LIMITS__HEAD_SECONDS": "1",
    "CHATBOT_LIMITS__BODY_SECONDS": "1",
    "CHATBOT_LIMITS__READER_SECONDS": "1",
}

# seconds on two cores; what goes beyond is said aloud
BUDGETS = {"unit": 40, "house": 40, "contract": 90, "flows": 440, "attacks": 240, "browser": 120, "ecosystem": 240}
SPENT: Counter[str] = Counter()


# CPython 3.11 fails to parse when garbage is collected meanwhile ("AST constructor recursion depth mismatch"), in
# whatever is imported, read or drawn: it is collected between tests, and then only
EVERY = 50  # tests
FINISHED = Counter[str]()


def pytest_configure() -> None:
    gc.disable()


def pytest_runtest_logfinish() -> None:
    FINISHED["tests"] += 1
    if FINISHED["tests"] % EVERY == 0:
        gc.collect()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    SPENT[Path(report.nodeid.partition("::")[0]).parts[1]] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("time by tier")
    for tier, seconds in SPENT.items():
        over = "  OVER its budget" if seconds > BUDGETS.get(tier, 0) else ""
        terminalreporter.write_line(f"{tier:<10}{seconds:6.0f} s of {BUDGETS.get(tier, 0)} s{over}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database", choices=["embedded", "container"], default="embedded", help="which PostgreSQL to use"
    )


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The real parts: PostgreSQL, Valkey, identity provider, worker, gateway with the offline assistant."""
    database = Postgres
    if pytestconfig.getoption("--database") == "container":
        if obstacle := find_obstacle():
            pytest.skip(f"the container tests did not run: {obstacle}")
        database = ContainerPostgres
    yield from running_stack({}, database=database)


@pytest.fixture(scope="session")
def model() -> Iterator[ScriptedModel]:
    scripted = ScriptedModel()
    yield scripted
    scripted.close()


@pytest.fixture(scope="session")
def model_stack(model: ScriptedModel) -> Iterator[Stack]:
    """The same with the scripted model behind an OpenAI-compatible endpoint."""
    yield from running_stack(
        {
            "CHATBOT_MODEL__BASE_URL": model.base_url,
            "CHATBOT_MODEL__NAME": "scripted",
            "CHATBOT_MODEL__IDLE_SECONDS": "2",
            "CHATBOT_MODEL__CACHE_SALT_FIELD": "cache_salt",
        },
        model_key=MODEL_KEY,
    )


@pytest.fixture(scope="session")
def limited_stack(model: ScriptedModel) -> Iterator[Stack]:
    """The same with the scripted model, and limits that a test can reach."""
    yield from running_stack(LIMITED | {"CHATBOT_MODEL__BASE_URL": model.base_url, "CHATBOT_MODEL__NAME": "scripted"})


@pytest.fixture
def newcomers(limited_stack: Stack) -> Callable[[int], list[Person]]:
    """Return a function that makes so many people at the limited stack, whose limits nobody has used yet."""

    def make(count: int) -> list[Person]:
        settings = load_settings(limited_stack.environment("gateway"))
        return [Person.of(limited_stack, made) for made in asyncio.run(make_accounts(settings, count, "limited"))]

    return make


def running_stack(
    settings: dict[str, str],
    model_key: str = "",
    database: type[Postgres] = Postgres,
    tool_server: tuple[str, str] = ("", ""),
) -> Iterator[Stack]:
    """Run a stack; `tool_server` is the address and the credential of a second MCP server, named `hostile`."""
    state = make_state()
    settings = BOUNDLESS | settings
    url, credential = tool_server
    if url:
        sample = f"http://127.0.0.1:{json.loads((state / 'ports.json').read_text())['toolserver']}/mcp"
        servers = {"sample": {"url": sample}, "hostile": {"url": url}}
        settings = settings | {"CHATBOT_TOOLS__SERVERS": json.dumps(servers)}
    folder = state / "secrets" / "gateway"
    folder.mkdir(mode=0o700, parents=True)
    folder.parent.chmod(0o700)
    # where the README says that a person puts them
    for name, secret in (("model_key", model_key), ("tools_credential_hostile", credential)):
        if secret:
            (folder / name).write_text(secret + "\n")
            (folder / name).chmod(0o600)
    try:
        with Stack(state, say=lambda line: None, settings=settings, database=database) as stack:
            yield stack
    finally:
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def as_at_import(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the clock back to when a module made its tokens (`IMPORTED`): on a slow machine that can be long ago."""
    clock, late = time.time, time.time() - request.module.IMPORTED
    monkeypatch.setattr(time, "time", lambda: clock() - late)


@pytest.fixture
def person(stack: Stack) -> Iterator[Callable[[str], Person]]:
    """Return a function that gives a newly signed-in person; an empty name gives a visitor."""
    people: list[Person] = []

    def make(name: str = "", at: Stack | None = None) -> Person:
        people.append(Person(at or stack))
        return people[-1].sign_in(name) if name else people[-1]

    yield make
    for each in people:
        each.close()


@pytest.fixture
def enrolled() -> Iterator[Callable[..., Person]]:
    """Return a function that makes somebody of their own at a stack: in a tenant, with a role from the provider."""
    people: list[Person] = []

    def make(at: Stack, tenant: str, role: Role = Role.MEMBER) -> Person:
        settings = load_settings(at.environment("gateway"))
        (made,) = asyncio.run(make_accounts(settings, 1, tenant, role))
        people.append(Person.of(at, made))
        return people[-1]

    yield make
    for each in people:
        each.close()


@pytest.fixture
def refusals(request: pytest.FixtureRequest) -> Iterator[Refusals]:
    """Counts what controls refuse during a test, on the stacks that it uses."""
    stacks = [request.getfixturevalue(name) for name in ("stack", "model_stack") if name in request.fixturenames]
    counted = Refusals(*stacks)
    yield counted
    counted.record(request.node.nodeid)


@pytest.fixture
def alice(person: Callable[[str], Person]) -> Person:
    return person("alice")


@pytest.fixture
def bob(person: Callable[[str], Person]) -> Person:
    return person("bob")


@pytest.fixture
def carol(person: Callable[[str], Person]) -> Person:
    return person("carol")


@pytest.fixture
def visitor(person: Callable[[str], Person]) -> Person:
    return person("")
