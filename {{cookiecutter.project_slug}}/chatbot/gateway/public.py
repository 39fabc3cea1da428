"""Everything that may be asked for without signing in. Whatever is not listed here needs a principal.

Exact methods and paths, compared whole: there is no prefix or pattern that a clever path could slip through.
The page's own files are added from the manifest that is read at start.
"""

from chatbot.identity.keys import KeyScope

PUBLIC: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/sign-in"),
        ("GET", "/auth/login"),
        ("GET", "/auth/callback"),
        ("POST", "/csp-report"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    }
)

# what API keys reach: a path, and all below it; everything else is for people
_KEY_PATHS = {"/v1": KeyScope.CHAT, "/api/v1/documents": KeyScope.DOCUMENTS}


def key_scope(path: str) -> KeyScope | None:
    """Return the scope that a key needs for `path`; None where no key helps."""
    return next((scope for root, scope in _KEY_PATHS.items() if path == root or path.startswith(root + "/")), None)
