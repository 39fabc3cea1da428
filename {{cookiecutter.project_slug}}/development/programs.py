"""The stack's Python parts: how each is started, and how it is seen to be ready."""

from development.ports import Ports
from development.secret_store import SecretStore


def command_of(part: str, ports: Ports, secrets: SecretStore) -> list[str]:
    """Return the arguments that Python is given for a part."""
    commands = {
        "gateway": ["-m", "chatbot", "run", "gateway"],
        "worker": ["-m", "chatbot", "run", "worker"],
        "identity": [
            "-m",
            "development.identity_provider",
            f"--port={ports.identity}",
            f"--redirect-uri=http://127.0.0.1:{ports.gateway}/auth/callback",
        ],
        "toolserver": [
            "-m",
            "toolserver",
            f"--port={ports.toolserver}",
            f"--credential-file={secrets.folder('toolserver') / 'tools_credential_sample'}",
        ],
        "model": ["-m", "development.small_model", f"--port={ports.model}"],
    }
    return commands[part]


def ready_address(part: str, ports: Ports) -> str:
    """Return what answers when a part is ready."""
    return {
        "gateway": f"http://127.0.0.1:{ports.gateway}/readyz",
        "identity": f"http://127.0.0.1:{ports.identity}/jwks",
        "toolserver": f"http://127.0.0.1:{ports.toolserver}/healthz",
        "model": f"http://127.0.0.1:{ports.model}/health",
    }[part]
