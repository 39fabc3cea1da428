"""What happens to a document when its database goes away, and what is written about it."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from development import postgres
from development.places import _copy_package
from development.postgres import find_program_root
from development.stack import Stack
from tests.conftest import BOUNDLESS, make_state
from tests.doubles.database import connect
from tests.doubles.person import Person
from tests.flows.test_documents import wait_until_read

CANARY = "ZZCANARY earns 123456 a year."


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A stack in a folder whose name holds a space, quotes and a letter that is not ASCII, its programs too."""
    state = make_state() / 'a "b" é'
    state.mkdir(mode=0o711)
    (state / "ports.json").write_bytes((state.parent / "ports.json").read_bytes())
    installed = find_program_root()
    _copy_package(installed, state / "installed")
    programs = state / "installed" / installed.parent.name / installed.name
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "find_program_root", lambda: programs)
        with Stack(state, say=lambda _: None, settings=BOUNDLESS) as stack:
            yield stack
    shutil.rmtree(state.parent)


@pytest.fixture
def zoe(own_stack: Stack) -> Iterator[Person]:
    person = Person(own_stack).sign_in("alice")
    yield person
    person.close()


def logs(stack: Stack) -> str:
    return "\n".join(path.read_text(errors="replace") for path in Path(stack.places.logs).glob("*.log"))


def test_the_stack_runs_in_any_folder(zoe: Person) -> None:
    zoe.upload("rooms.md", "# Rooms\n\nThe archive is in room 14.")
    assert "room 14" in zoe.ask("Where is the archive?").text


def test_a_document_is_read_after_the_database_was_started_again(own_stack: Stack, zoe: Person) -> None:
    zoe.upload("before.md", "# Before\n\nThe bell is of bronze.")
    process = own_stack.processes["database"]
    process.send_signal(own_stack.postgres.stop_signal())
    process.wait(30)
    own_stack.postgres.start(own_stack._keep)
    zoe.upload("after.md", "# After\n\nThe clapper is of iron.")  # fails unless it becomes ready
    assert "iron" in zoe.ask("What is the clapper of?").text


def test_a_job_that_loses_its_connection_is_done_once_more(own_stack: Stack, zoe: Person) -> None:
    with connect(own_stack, "bootstrap") as outside:
        # the first insert of a passage ends its own connection, as a failover would
        outside.execute("create sequence public.tries; grant usage on public.tries to chatbot_worker")
        outside.execute(
            "create function public.cut() returns trigger language plpgsql security definer as $$ begin"
            " if nextval('public.tries') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if; return new; end $$"
        )
        outside.execute("create trigger cut before insert on chatbot.chunks for each row execute function public.cut()")
        outside.execute("grant execute on function public.cut() to chatbot_worker")
        try:
            zoe.upload("twice.md", "# Twice\n\nThe rope is of hemp.")
        finally:
            outside.execute("drop trigger cut on chatbot.chunks; drop function public.cut; drop sequence public.tries")
    assert "the database's connection was lost" in logs(own_stack)


def test_no_log_holds_a_document_s_text_or_a_signed_context(own_stack: Stack, zoe: Person) -> None:
    with connect(own_stack, "bootstrap") as outside:
        outside.execute(
            "create function public.refuse() returns trigger language plpgsql as"
            " $$ begin raise exception 'refused' using detail = new.content, hint = new.content; end $$"
        )
        outside.execute(
            "create trigger refuse before insert on chatbot.chunks for each row execute function public.refuse()"
        )
        try:
            response = zoe.post("/api/v1/documents", params={"name": "pay.md"}, content=f"# Pay\n\n{CANARY}".encode())
            assert wait_until_read(zoe, response.json()["id"])["status"] == "failed"
        finally:
            outside.execute("drop trigger refuse on chatbot.chunks; drop function public.refuse")
    end = time.monotonic() + 10
    while "job failed" not in logs(own_stack) and time.monotonic() < end:
        time.sleep(0.05)
    written = logs(own_stack)
    assert "job failed" in written
    assert "P0001" in written  # why, by its SQLSTATE
    for secret in ("ZZCANARY", "123456", "v1|chatbot_"):
        assert secret not in written
