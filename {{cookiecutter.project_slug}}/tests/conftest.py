"""One running stack for the whole session, and the people who use it."""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from development.stack import Stack
from tests.doubles.person import Person
from tests.doubles.refusals import Refusals
from tests.doubles.upstream import ScriptedModel

MODEL_KEY = "sk-test-canary-5f21c0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_state() -> Path:
    """Return a new state folder that the servers' own account can reach, with ports of its own."""
    state = Path(tempfile.mkdtemp(prefix="chatbot-test-", dir="/tmp"))
    if os.getuid() == 0:
        state.chmod(0o711)
    (state / "ports.json").write_text(json.dumps({"gateway": free_port(), "identity": free_port()}))
    return state


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The real parts: PostgreSQL, Valkey, identity provider, worker, gateway with the offline assistant."""
    yield from running_stack({})


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
        },
        model_key=MODEL_KEY,
    )


def running_stack(settings: dict[str, str], model_key: str = "") -> Iterator[Stack]:
    state = make_state()
    if model_key:  # where the README says that a person puts it
        folder = state / "secrets" / "gateway"
        folder.mkdir(mode=0o700, parents=True)
        folder.parent.chmod(0o700)
        (folder / "model_key").write_text(model_key + "\n")
        (folder / "model_key").chmod(0o600)
    try:
        with Stack(state, say=lambda line: None, settings=settings) as stack:
            yield stack
    finally:
        shutil.rmtree(state, ignore_errors=True)


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
