"""Where a Valkey instance is, for the groups of settings that have one."""

from pathlib import Path

from pydantic import Field, model_validator

from chatbot.config.group import Group


class StoreAddress(Group):
    """Where a Valkey instance is: either `socket`, a private unix socket, or `host`, a server name, by TLS."""

    socket: Path | None = None
    host: str | None = Field(default=None, pattern=r"^[A-Za-z0-9.:-]{1,253}$")
    port: int = Field(default=6379, ge=1, le=65535)
    tls: bool = True
    # the authority of the server's certificate, PEM; the system's if left out
    ca: Path | None = None

    @property
    def place(self) -> tuple[Path | str, int] | None:
        """Tell instances apart; None when no address was given."""
        address = self.socket or self.host
        return (address, 0 if self.socket else self.port) if address else None

    @model_validator(mode="after")
    def _one_address(self) -> "StoreAddress":
        if self.socket is not None and self.host is not None:
            raise ValueError("give either the socket or the host")
        return self
