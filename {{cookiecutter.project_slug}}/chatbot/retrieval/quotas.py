"""How many documents wait and are kept: limits for each person and each tenant (part of control api-capacity).

Stops: one account that fills the database, or the queue of those who read. Fails closed: what cannot be counted is not
taken. The numbers are counted in the transaction that adds the document, one addition of a tenant at a time.
"""

from collections.abc import Mapping

from chatbot.config.documents import DocumentsSettings
from chatbot.core.errors import Problem, TooLarge
from chatbot.database.documents import DocumentUsage

_MEGABYTE = 1024 * 1024


class TooManyWaiting(Problem):
    """As much waits to be read as may: reading takes its time, and is shared by everybody."""

    status = 429
    title = "Too many documents at once"


class DocumentQuotaExceeded(TooLarge):
    """As much is kept as may be."""

    title = "The space for documents is used up"
    kind = "urn:chatbot:document-quota"


def check_waiting(usage: Mapping[str, DocumentUsage], limits: DocumentsSettings, added: int = 0) -> None:
    """Raise `TooManyWaiting` when more wait than may. `usage` is by scope, `user` and `tenant`."""
    for scope, whose, most in (
        ("user", "of yours", limits.max_waiting_per_user),
        ("tenant", "of your organisation", limits.max_waiting_per_tenant),
    ):
        if usage[scope].waiting + added > most:
            raise TooManyWaiting(f"{most} documents {whose} wait to be read. Try again when some are done.")


def check_stored(
    usage: Mapping[str, DocumentUsage], limits: DocumentsSettings, added: DocumentUsage | None = None
) -> None:
    """Raise `DocumentQuotaExceeded` when more is kept than may be."""
    documents, size = (added.documents, added.size) if added else (0, 0)
    for scope, who, whose, most, most_megabytes in (
        ("user", "You have", "some of yours", limits.max_documents_per_user, limits.max_megabytes_per_user),
        (
            "tenant",
            "Your organisation has",
            "documents that nobody needs",
            limits.max_documents_per_tenant,
            limits.max_megabytes_per_tenant,
        ),
    ):
        if usage[scope].documents + documents > most:
            raise DocumentQuotaExceeded(f"{who} {most} documents, as many as are kept. Make room: delete {whose}.")
        if usage[scope].size + size > most_megabytes * _MEGABYTE:
            raise DocumentQuotaExceeded(
                f"Together with this one, {who[0].lower()}{who[1:]} more than the {most_megabytes} MB that are kept."
                f" Make room: delete {whose}."
            )
