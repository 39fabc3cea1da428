"""Failures that a caller may see, as RFC 9457 problem details.

Everything else that is raised is a fault: the caller gets an identifier, the log gets the details.
"""


class Problem(Exception):
    """A refusal with a status and a text that is safe to show.

    `status` is the HTTP status; `title` says what happened; `detail` says why and what to do next.
    Neither may hold a secret, a path, a statement or another person's data. `code` and `param` are for the
    OpenAI-compatible interface: a fixed word for the kind of error, and the field at fault.
    """

    status = 400
    title = "The request cannot be carried out"
    kind = "about:blank"  # RFC 9457, section 3.1.1: a name for programs, where the status does not say enough
    code: str | None = None
    param: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()  # sent with the refusal

    def __init__(self, detail: str = "", *, status: int | None = None, title: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status or self.status
        self.title = title or self.title


class SignInRequired(Problem):
    """No valid session came with the request."""

    status = 401
    title = "Sign in first"


class CrossSiteRequest(Problem):
    """The request was caused by a page of another site, or lacks the session's own token."""

    status = 403
    title = "The request did not come from this application's own pages"


class Forbidden(Problem):
    """The caller is known and may not do this."""

    status = 403
    title = "That is not allowed"


class SignInAgain(Forbidden):
    """The act is dangerous, and the last proof of who asks is too old."""

    title = "Sign in again first"
    kind = "urn:chatbot:sign-in-again"


class NotFound(Problem):
    """The object does not exist, or belongs to somebody else: the two are never told apart."""

    status = 404
    title = "Not found"


class TooLarge(Problem):
    """More bytes than the route takes."""

    status = 413
    title = "Too large"


class WrongMediaType(Problem):
    """A body of a kind that the route does not take."""

    status = 415
    title = "This kind of content is not accepted here"


class Unprocessable(Problem):
    """A body that is understood and refused."""

    status = 422
    title = "The content is not acceptable"


class Unavailable(Problem):
    """A part that the request needs is down. Retrying later is right."""

    status = 503
    title = "A needed part is not available"
    headers = ((b"retry-after", b"5"),)
