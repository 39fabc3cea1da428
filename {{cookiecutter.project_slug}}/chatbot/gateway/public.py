"""Everything that may be asked for without signing in. Whatever is not listed here needs a principal.

Exact methods and paths, compared whole: there is no prefix or pattern that a clever path could slip through.
The page's own files are added from the manifest that is read at start.
"""

PUBLIC: frozenset[tuple[str, str]] = frozenset(
    {
        ("GET", "/sign-in"),
        ("GET", "/auth/login"),
        ("GET", "/auth/callback"),
        ("POST", "/auth/backchannel-logout"),
        ("POST", "/csp-report"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    }
)
# what no page of ours sends, and no browser: a token in it, signed by the identity provider, is all that counts
UNSOLICITED = frozenset({("POST", "/auth/backchannel-logout")})
