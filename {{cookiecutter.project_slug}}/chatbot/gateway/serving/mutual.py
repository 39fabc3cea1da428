"""The services' own port (part of control acc-identity): mutual TLS, and who is at the other end.

Stops: a service that cannot prove itself, before any byte of a request is read; identity that comes in a header; a
session resumed past the verification (CVE-2025-23419). uvicorn hands no peer certificate on, so its protocol does it
here. Files are read anew when they change. Fails closed: files that cannot be read let nobody in.
"""

import _ssl
import asyncio
import socket
import ssl
import sys
from typing import Any

import uvicorn

from chatbot.config.settings import MutualTlsSettings
from chatbot.gateway.serving.handshake import Handshakes
from chatbot.gateway.serving.timed import TimedProtocol
from chatbot.identity.certificates import State, read_authorities, read_revoked, state_of
from chatbot.monitoring.refusals import note_refusal


class MutualProtocol(TimedProtocol):
    """One connection whose peer has proved itself. The chain that was verified is in the scope of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Take a connection after its handshake."""
        self._chain = verified_chain(transport.get_extra_info("ssl_object"))
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Begin a request; nothing that it says of itself is asked."""
        super().on_message_begin()
        self.scope["peer_chain"] = self._chain  # type: ignore[typeddict-unknown-key]  # ours


def verified_chain(connection: ssl.SSLObject) -> tuple[bytes, ...]:
    """Return what the handshake has verified, each DER: the peer's own certificate first, the authority last."""
    if sys.version_info >= (3, 13):
        return tuple(connection.get_verified_chain())
    found = connection._sslobj.get_verified_chain()  # type: ignore[attr-defined]
    return tuple(each.public_bytes(_ssl.ENCODING_DER) for each in found)


class Trust:
    """The context of each handshake: whom the files trust now."""

    def __init__(self, settings: MutualTlsSettings) -> None:
        self._settings = settings
        files = (settings.certificate, settings.key, settings.client_authorities, settings.revoked)
        self._files = [path for path in files if path is not None]
        self._seen = self._changes()
        self.context = self._read()
        self._latest = self.context

    def _changes(self) -> list[State]:
        return [state_of(path) for path in self._files]

    def _read(self) -> ssl.SSLContext:
        settings = self._settings
        read_authorities(settings.client_authorities)  # each request is judged by it, too
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0  # a resumed session is verified by nobody
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_cert_chain(settings.certificate, settings.key)
        context.load_verify_locations(settings.client_authorities)
        if settings.revoked is not None:
            read_revoked(settings.revoked)  # nothing but lists: a certificate in there would be trusted
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
            context.load_verify_locations(settings.revoked)
        context.sni_callback = self._renew
        return context

    def _renew(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        """Take what the files hold now; called at each handshake's beginning."""
        try:
            if (seen := self._changes()) != self._seen:
                self._latest, self._seen = self._read(), seen
        except (OSError, ValueError) as error:
            note_refusal("acc-identity", f"certificates: {type(error).__name__}")
            return int(ssl.ALERT_DESCRIPTION_INTERNAL_ERROR)
        connection.context = self._latest
        return None


class TwoPorts(uvicorn.Server):
    """The server with the services' port beside its own; one application, one count of connections."""

    def __init__(self, config: uvicorn.Config, settings: MutualTlsSettings, protocol: type[MutualProtocol]) -> None:
        super().__init__(config)
        self._settings = settings
        self._protocol = protocol
        self._handshakes: Handshakes | None = None

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's
        """Listen on both ports, or end the program with a sentence that says why not."""
        settings = self._settings
        family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
        try:
            context = Trust(settings).context
            listener = socket.create_server((settings.bind, settings.port), family=family, backlog=self.config.backlog)
        except (OSError, ValueError) as error:
            raise SystemExit(f"The services' port {settings.port} cannot be opened: {error}") from error
        self._handshakes = Handshakes(listener, context, self._protocol.limits, self._connect)
        await super().startup(sockets)
        self._handshakes.open()

    async def shutdown(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's
        """Accept no more connections, and let requests under way end."""
        if self._handshakes is not None:
            self._handshakes.close()
        await super().shutdown(sockets)

    def _connect(self) -> MutualProtocol:
        return self._protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
