"""How often an answer asks Valkey and PostgreSQL before the model is asked: what makes it fast, counted."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from chatbot.limits.scripts import GATE, SETTLE
from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.person import Person
from tests.doubles.upstream import ScriptedModel

_BEGUN, _SO_FAR, _END = "from-here", "so-far", "no-more"
# while the question is kept the model works already; the trail is written for many requests at once, behind them
_BESIDE = ("store_question", "record_events")


_NOT_BEFORE = ("BRPOP", "PING", "settle")  # the worker waits for jobs; an earlier answer's reservation is settled
_SCRIPTS = {hashlib.sha1(GATE.encode()).hexdigest(): "gate", hashlib.sha1(SETTLE.encode()).hexdigest(): "settle"}


class Counted:
    """Reads the servers' own books: every statement of the gateway's role, every command that came by a connection."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._log = stack.places.logs / "database.log"
        self._size = 0
        self._seen = threading.Event()
        self._voice = stack.state.connect()  # one connection, whose greeting is over before anything is counted
        self._commands: list[str] = []

    def begin(self) -> None:
        self._say(_BEGUN)
        self._size = self._log.stat().st_size

    def watch(self, ready: threading.Event) -> None:
        """Note every command until the word that ends it; those of scripts are part of their script's."""
        with self._stack.state.connect() as valkey, valkey.monitor() as monitor:
            ready.set()
            for each in monitor.listen():
                if each["command"] == f"ECHO {_END}":
                    return
                if each["command"] in (f"ECHO {_BEGUN}", f"ECHO {_SO_FAR}"):
                    if each["command"].endswith(_BEGUN):
                        self._commands.clear()
                    self._seen.set()
                    continue
                name, *arguments = each["command"].split()
                name = _SCRIPTS.get(arguments[0], arguments[0]) if name == "EVALSHA" else name.upper()
                if each["client_type"] != "lua" and name not in _NOT_BEFORE:
                    self._commands.append(name)

    def stop(self) -> None:
        self._voice.echo(_END)
        self._voice.close()

    def _say(self, word: str) -> None:
        """Return when whoever watches has heard the word, and so everything before it."""
        self._seen.clear()
        self._voice.echo(word)
        assert self._seen.wait(10)

    def read(self) -> tuple[list[str], list[str]]:
        """Return which commands and which functions since `begin`."""
        self._say(_SO_FAR)
        with open(self._log, "rb") as log:
            log.seek(self._size)
            said = log.read().decode("utf-8", "replace")
        statements = re.findall(r"^chatbot_api LOG:  (?:execute [^:]*|statement): (.*)", said, re.MULTILINE)
        called = [(re.findall(r"(?:chatbot|secure)\.(\w+)\(", each) or [each])[0] for each in statements]
        return list(self._commands), [name for name in called if name not in _BESIDE]


@pytest.fixture
def counted(model_stack: Stack) -> Iterator[Counted]:
    settings = {"log_statement": "'all'", "log_parameter_max_length": "0", "log_line_prefix": "'%u '"}
    with connect(model_stack, "bootstrap") as outside:
        for name, value in settings.items():
            outside.execute(f"alter system set {name} = {value}")
        outside.execute("select pg_reload_conf()")
    counting, ready = Counted(model_stack), threading.Event()
    watching = threading.Thread(target=counting.watch, args=[ready])
    watching.start()
    assert ready.wait(10)
    yield counting
    counting.stop()
    watching.join()
    with connect(model_stack, "bootstrap") as outside:
        for name in settings:
            outside.execute(f"alter system reset {name}")
        outside.execute("select pg_reload_conf()")


def count(counted: Counted, model: ScriptedModel, ask: Callable[[], Any]) -> tuple[list[str], list[str]]:
    """Return what was asked of the two until the model was: the least of several times, since other things go on."""
    seen: list[tuple[list[str], list[str]]] = []

    def behave(handler: Any) -> None:
        seen.append(counted.read())
        model.stream(handler)

    model.reset()
    for _ in range(4):  # the first may open connections and prepare statements
        model.behave = behave
        counted.begin()
        ask()
    model.reset()
    assert len(seen) == 4
    return min(seen[1:], key=lambda each: len(each[0]) + len(each[1]))


@pytest.mark.parametrize("search", [False, True])
def test_a_turn_asks_each_of_them_once(
    counted: Counted, model_stack: Stack, model: ScriptedModel, enrolled: Callable[..., Person], search: bool
) -> None:
    person = enrolled(model_stack, "acme")
    path = f"/api/v1/conversations/{person.begin()}/turns"

    def ask() -> None:
        answer = person.post(path, json={"question": "Hello?", "search": search})
        assert "event: end" in answer.text, answer.text

    assert count(counted, model, ask) == (["gate"], ["recall_turn"])


def test_a_program_s_question_asks_each_once_more_for_its_key(
    counted: Counted, model_stack: Stack, model: ScriptedModel, enrolled: Callable[..., Person]
) -> None:
    """Its address is counted before its key is looked at."""
    person = enrolled(model_stack, "acme")
    body = {"model": "chatbot", "messages": [{"role": "user", "content": "Hello?"}]}

    def ask() -> None:
        headers = {"authorization": f"Bearer {person.key}"}
        url = f"{model_stack.url}/v1/chat/completions"
        assert httpx2.post(url, json=body, headers=headers, trust_env=False, timeout=20).status_code == 200

    assert count(counted, model, ask) == (["gate", "gate"], ["find_key", "find_passages"])
