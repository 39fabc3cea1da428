"""A front that speaks TLS before a store on a private socket: the embedded ones are built without."""

import selectors
import socket
import ssl
import threading
from pathlib import Path

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # PostgreSQL's, protocol 3


class TlsFront:
    """Listens on loopback and passes on to a unix socket. `starts_plain` waits for PostgreSQL's request for TLS."""

    def __init__(self, behind: Path, certificate: Path, key: Path, *, starts_plain: bool) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._behind = str(behind)
        self._starts_plain = starts_plain
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                if self._starts_plain:
                    if client.recv(8) != _SSL_REQUEST:
                        return  # plain text is not passed on
                    client.sendall(b"S")
                with self._context.wrap_socket(client, server_side=True) as near, socket.socket(socket.AF_UNIX) as far:
                    far.connect(self._behind)
                    _pass_on(near, far)
            except OSError:
                return


def _pass_on(near: ssl.SSLSocket, far: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(near, selectors.EVENT_READ, (near, far))
        selector.register(far, selectors.EVENT_READ, (far, near))
        while True:
            ready: list[tuple[socket.socket, socket.socket]] = [key.data for key, _ in selector.select(30)]
            if not ready:
                return
            for source, target in ready:
                data = source.recv(65536)
                while source is near and near.pending():
                    data += near.recv(65536)
                if not data:
                    return
                target.sendall(data)
