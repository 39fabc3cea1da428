"""A hostile person of another tenant, and a colleague: nobody reaches another's rows (sql-tenant, vec-access)."""

import re
from collections.abc import Callable

import pytest

from tests.doubles.goal import must_fail
from tests.doubles.person import Person
from tests.house.routes import every_route

CANARY = "The vault word is heliotrope-canary."
QUESTION = "What is the vault word?"


# every route that names an object, from the routing table itself; a body or query that fits, where one is needed
OBJECT_ROUTES = sorted(
    (m, r.path)
    for r in every_route()
    for m in r.methods - {"HEAD"}
    if re.search(r"\{(?!path|model|person|session)", r.path) and "/admin/" not in r.path  # those: test_carriers.py
)
FITTING = {("POST", "turns"): {"json": {"question": "Mine now?"}}, ("GET", "export"): {"params": {"format": "json"}}}


def test_the_enumeration_sees_every_object() -> None:
    assert len(OBJECT_ROUTES) >= 8
    named = {name for _, path in OBJECT_ROUTES for name in re.findall(r"\{(\w+)", path)}
    assert named == {"conversation", "document", "chunk", "key"}, "give Alice one of the new kind, and fill it in below"


@pytest.fixture
def secret(alice: Person) -> tuple[str, int, str]:
    """Alice's private document, one of its passages, and a conversation about it."""
    alice.upload("vault.md", f"# Vault\n\n{CANARY}")
    answer = alice.ask(QUESTION)
    assert "heliotrope" in answer.text
    document = answer.cited[0]["document"]  # several tests have uploaded the same text
    return document, answer.cited[0]["chunk"], answer.conversation


@pytest.mark.parametrize("thief", ["carol", "grace", "bob", "ada"])
def test_private_passages_are_never_retrieved_by_another(
    secret: tuple[str, int, str], person: Callable[[str], Person], thief: str
) -> None:
    stranger = person(thief)
    stranger.upload("own.md", "# Own\n\nThe vault word of this tenant is decoy.")
    answer = stranger.ask(QUESTION)
    must_fail("heliotrope" in str(answer.events) or secret[0] in str(answer.events), "a foreign passage was retrieved")


@pytest.mark.parametrize("thief", ["carol", "grace", "bob", "ada"])
def test_every_object_of_another_is_404_on_every_route(
    secret: tuple[str, int, str], alice: Person, person: Callable[[str], Person], thief: str
) -> None:
    stranger = person(thief)
    document, chunk, conversation = secret
    key = alice.post("/api/v1/keys", json={"name": "mine", "scopes": ["chat"]}).json()["id"]
    for method, pattern in OBJECT_ROUTES:
        path = pattern.format(document=document, chunk=chunk, conversation=conversation, key=key)
        response = stranger.change(
            method,
            path,
            **FITTING.get((method, path.rsplit("/", 1)[-1]), {"json": {"title": "Mine"}} if method == "PATCH" else {}),
        )
        assert response.status_code == 404, (
            f"{method} {pattern}: 422 needs a body in FITTING, 200 is a leak: {response.text}"
        )
        assert "heliotrope" not in response.text
    assert "heliotrope" not in stranger.get("/api/v1/conversations", params={"search": "heliotrope"}).text
    assert conversation not in stranger.get("/api/v1/conversations").text
    assert document not in stranger.get("/api/v1/documents").text
    # nothing of Alice's changed
    assert alice.change("DELETE", f"/api/v1/keys/{key}").status_code == 204
    assert len(alice.get(f"/api/v1/conversations/{conversation}").json()["messages"]) == 2
    assert CANARY in alice.get(f"/api/v1/documents/{document}/passages/{chunk}").json()["content"]


def test_own_parent_with_a_foreign_child_is_404(secret: tuple[str, int, str], carol: Person) -> None:
    own = carol.upload("own.md", "# Own\n\nMine.")
    assert carol.get(f"/api/v1/documents/{own}/passages/{secret[1]}").status_code == 404


def test_a_document_shared_in_one_tenant_is_unknown_in_another(alice: Person, bob: Person, carol: Person) -> None:
    document = alice.upload("shared.md", "# Pool\n\nThe pool word is mallow-canary.", shared=True)
    chunk = bob.ask("What is the pool word?").cited[0]["chunk"]
    assert "mallow-canary" not in str(carol.ask("What is the pool word?").events)
    assert carol.get(f"/api/v1/documents/{document}/passages/{chunk}").status_code == 404
    assert document not in carol.get("/api/v1/documents").text


def test_a_colleague_reads_what_is_shared_and_changes_nothing(alice: Person, bob: Person) -> None:
    document = alice.upload("shared.md", "# Gate\n\nThe gate word is yarrow.", shared=True)
    listed = next(entry for entry in bob.get("/api/v1/documents").json() if entry["id"] == document)
    assert (listed["own"], listed["shared"]) == (False, True)
    assert bob.change("DELETE", f"/api/v1/documents/{document}").status_code == 404
    assert "yarrow" in alice.ask("What is the gate word?").text


def test_recall_holds_under_the_filter_among_many_foreign_rows(alice: Person, carol: Person) -> None:
    # a neighbour's crowd of near-identical passages must not push the own one out of the nearest
    crowd = "\n\n".join(f"## Part {n}\n\nThe lamp of hall {n} is switched at dusk by the warden." for n in range(150))
    carol.upload("crowd.md", f"# Lamps\n\n{crowd}", shared=True)
    alice.upload("lamp.md", "# Lamp\n\nThe lamp of the library is switched at noon by Ottilie.")
    assert "Ottilie" in alice.ask("Who switches the lamp of the library?").text
