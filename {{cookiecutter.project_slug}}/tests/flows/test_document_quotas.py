"""How many documents one person and one tenant may have: waiting, kept, and their bytes (api-capacity)."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatbot.config.documents import DocumentsSettings
from chatbot.core.errors import Problem
from chatbot.database.documents import DocumentUsage
from chatbot.retrieval.quotas import check_stored, check_waiting
from development.stack import Stack
from tests.doubles.database import connect
from tests.doubles.person import Person
from tests.doubles.stopped import stopped

LIMITS = DocumentsSettings(
    max_waiting_per_user=2, max_waiting_per_tenant=4, max_documents_per_user=3, max_documents_per_tenant=5,
    max_megabytes_per_user=1, max_megabytes_per_tenant=3,
)  # fmt: skip
MEGABYTE = 1024 * 1024


def usage(user: tuple[int, int, int], tenant: tuple[int, int, int]) -> dict[str, DocumentUsage]:
    return {"user": DocumentUsage(*user), "tenant": DocumentUsage(*tenant)}


def refused(user: tuple[int, int, int], tenant: tuple[int, int, int], added: int, size: int) -> str:
    try:
        check_waiting(usage(user, tenant), LIMITS, added)
        check_stored(usage(user, tenant), LIMITS, DocumentUsage(0, added, size))
    except Problem as problem:
        return f"{problem.status} {problem.detail}"
    return ""


@pytest.mark.parametrize(
    ("user", "tenant", "added", "size", "said"),
    [
        ((2, 3, MEGABYTE), (4, 5, 3 * MEGABYTE), 0, 0, ""),
        ((1, 2, 0), (3, 4, 2 * MEGABYTE), 1, MEGABYTE, ""),
        ((3, 0, 0), (3, 0, 0), 0, 0, "429 2 documents of yours wait"), ((2, 0, 0), (2, 0, 0), 1, 0, "429 2 documents of yours"),
        ((0, 0, 0), (5, 0, 0), 0, 0, "429 4 documents of your organisation"), ((0, 0, 0), (4, 0, 0), 1, 0, "429 4 documents of your"),
        ((0, 4, 0), (0, 4, 0), 0, 0, "413 You have 3 documents"), ((0, 3, 0), (0, 3, 0), 1, 0, "413 You have 3 documents"),
        ((0, 0, 0), (0, 6, 0), 0, 0, "413 Your organisation has 5"), ((0, 0, 0), (0, 5, 0), 1, 0, "413 Your organisation has 5"),
        ((0, 0, MEGABYTE + 1), (0, 0, 0), 0, 0, "413 Together with this one, you have more than the 1 MB"),
        ((0, 0, 1), (0, 0, 1), 1, MEGABYTE, "413 Together with this one, you have more than the 1 MB"),
        ((0, 0, 0), (0, 0, 3 * MEGABYTE + 1), 0, 0, "413 Together with this one, your organisation has more than the 3 MB"),
        ((0, 0, 0), (0, 0, 3 * MEGABYTE), 1, 1, "413 Together with this one, your organisation has more than the 3 MB"),
    ],
)  # fmt: skip
def test_each_limit_holds_to_its_number(
    user: tuple[int, int, int], tenant: tuple[int, int, int], added: int, size: int, said: str
) -> None:
    found = refused(user, tenant, added, size)
    assert found.startswith(said) and bool(found) is bool(said)
    assert not said or found.endswith(("yours.", "needs.", "are done."))  # what to do


def at_another_tab(person: Person) -> Person:
    """Return the same person with a connection of their own."""
    other = Person(person.stack)
    other.cookies, other.csrf, other.user = dict(person.cookies), person.csrf, person.user
    return other


def upload(person: Person, name: str, content: bytes = b"# T\n\nText.") -> Any:
    return person.post("/api/v1/documents", params={"name": name}, content=content)


def test_sixty_uploads_at_once_take_exactly_what_may_wait(stack: Stack, enrolled: Callable[..., Person]) -> None:
    person = enrolled(stack, "hasty")
    people = [at_another_tab(person) for _ in range(12)]
    with stopped(stack):
        with ThreadPoolExecutor(len(people)) as pool:
            sent = pool.map(lambda number: upload(people[number % len(people)], f"{number}.md"), range(60))
            statuses = Counter(response.status_code for response in sent)
        listed = person.get("/api/v1/documents").json()
        assert (statuses, len(listed)) == ({202: 30, 429: 30}, 30)
        for entry in listed:
            person.change("DELETE", f"/api/v1/documents/{entry['id']}")
    for each in people:
        each.close()


def flood(outside: Any, person: Person, count: int, size: int, status: str) -> None:
    outside.execute(
        "insert into chatbot.documents (tenant_id, owner_id, title, media_type, sha256, size, status)"
        " select u.tenant_id, u.id, 'flood', 'text/plain', sha256('x'), %s, %s from chatbot.users u,"
        " generate_series(1, %s) where u.id = %s",
        (size, status, count, person.user),
    )


@pytest.mark.parametrize(
    ("count", "size", "status", "said"),
    [
        (299, 1, "queued", (429, "300 documents of your organisation wait")),
        (25, 2_147_403_648, "ready", (413, "your organisation has more than the 51200 MB")),
    ],
)
def test_what_colleagues_have_counts_for_the_tenant_and_for_no_other(
    stack: Stack, enrolled: Callable[..., Person], count: int, size: int, status: str, said: tuple[int, str]
) -> None:
    tenant = f"full-{status}-{size}"
    person, colleague, other = enrolled(stack, tenant), enrolled(stack, tenant), enrolled(stack, "empty")
    with stopped(stack), connect(stack, "bootstrap") as outside:
        flood(outside, colleague, count, size, status)
        first = upload(person, "first.md", b"# T\n\n" + b"Text. " * (100 if size == 1 else 170_000))
        assert first.status_code == 202
        for _ in range(1 if size == 1 else 2):
            second = upload(person, "second.md", b"# T\n\n" + b"Text. " * (100 if size == 1 else 340_000))
        assert (second.status_code, second.headers["content-type"]) == (said[0], "application/problem+json")
        assert said[1] in second.json()["detail"]
        assert upload(other, "other.md").status_code == 202
        if status == "ready":  # there is no room for more, and what is there can be read again
            assert person.post(f"/api/v1/documents/{first.json()['id']}/index").status_code == 409
        outside.execute("delete from chatbot.documents where title in ('flood', 'first.md', 'second.md', 'other.md')")


def test_a_document_that_is_too_much_is_refused_before_it_is_sent(
    stack: Stack, enrolled: Callable[..., Person]
) -> None:
    person = enrolled(stack, "wordy")
    with stopped(stack), connect(stack, "bootstrap") as outside:
        flood(outside, person, 2000, 1, "ready")
        answer = person.post("/api/v1/documents", params={"name": "x.md"}, content=b"", headers={"content-length": "0"})
        assert (answer.status_code, answer.json()["title"]) == (413, "The space for documents is used up")
        assert "You have 2000 documents" in answer.json()["detail"]
        outside.execute("delete from chatbot.documents where title = 'flood'")
