"""Names that are made here."""

import secrets


def new_identifier() -> str:
    """Return a request's name, by which a caller's report is found in the log and in the audit trail."""
    return secrets.token_hex(8)
