"""What routes ask for: the principal that the gate found, and the parts."""

from typing import Annotated

from fastapi import Depends, Request

from chatbot.core.errors import SignInRequired
from chatbot.core.principal import Principal
from chatbot.wiring import Parts


def _principal(request: Request) -> Principal:
    principal = request.scope.get("principal")
    if not isinstance(principal, Principal):
        raise SignInRequired("Sign in and try again.")  # closed, should a route ever be listed as public by mistake
    return principal


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


Who = Annotated[Principal, Depends(_principal)]
Using = Annotated[Parts, Depends(_parts)]
