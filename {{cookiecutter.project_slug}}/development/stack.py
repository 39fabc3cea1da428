"""The development stack: starts every part, watches them, stops them."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from development.accounts import ACCOUNTS, GROUPS, SERVICES
from development.certificates import mutual_tls_settings, write_certificates
from development.places import CannotStart, Places, find_places
from development.ports import choose_ports
from development.postgres import DATABASE, Postgres
from development.processes import ProcessRecord, end_child
from development.programs import command_of, ready_address
from development.secret_store import SecretStore
from development.small_model import NAME, small_model_settings
from development.tool_policy import tool_settings
from development.valkey import Valkey

PROJECT = Path(__file__).parents[1]
_MOST_RESTARTS = 3
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "SSL_CERT_FILE",
    "COVERAGE_PROCESS_START",
)


class Stack:
    """All parts of one installation. Use as a context manager, or call `start` and `stop`."""

    def __init__(
        self,
        state: Path,
        *,
        port: int | None = None,
        say: Callable[[str], None] = print,
        settings: dict[str, str] | None = None,
        database: type[Postgres] = Postgres,
        small_model: bool = False,
    ) -> None:
        self._say = say
        self._settings = settings or {}
        self._small_model = small_model
        if small_model and "CHATBOT_MODEL__BASE_URL" in self._settings | dict(os.environ):
            raise CannotStart("The small model is an endpoint of its own: unset CHATBOT_MODEL__BASE_URL.")
        self.places: Places = find_places(state)
        self._lock = self._take_lock()
        self._record = ProcessRecord(self.places.state / "processes.json")
        for name in self._record.end_leftovers():
            say(f"  {name:<10} left over from a killed run: ended")
        # a provider of one's own: the development provider is not started
        self.other_issuer = (self._settings | dict(os.environ)).get("CHATBOT_IDENTITY__ISSUER", "")
        self.secrets = SecretStore(
            self.places.secrets, frozenset({"identity_client_secret"} if self.other_issuer else ())
        )
        self.certificates = self.places.state / "certificates"
        self.ports = choose_ports(self.places.state / "ports.json", port, small_model=small_model)
        self.port, self.identity_port, self.tool_port, self.services_port, self.model_port = self.ports
        self.postgres = database(self.places, self.secrets)
        self.state = Valkey("state", self.places, self.secrets)
        self.jobs = Valkey("jobs", self.places, self.secrets)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts: dict[str, int] = {}
        self._noting = threading.Lock()

    @property
    def url(self) -> str:
        """The application's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def services_url(self) -> str:
        """The application's address for services, by mutual TLS."""
        return f"https://127.0.0.1:{self.services_port}"

    @property
    def issuer(self) -> str:
        """The identity provider's address: another site than the application's."""
        return self.other_issuer or f"http://localhost:{self.identity_port}"

    def start(self) -> None:
        """Start every part; each is ready when this returns. Raises `CannotStart`, with nothing left running."""
        self.authority = write_certificates(self.certificates)
        try:
            with ThreadPoolExecutor(4) as pool:
                servers = [pool.submit(self._start_server, part) for part in (self.postgres, self.state, self.jobs)]
                early = [pool.submit(self.launch, name) for name in self._early]
                for server in servers:
                    server.result()
                for part in early:
                    part.result()
                self._migrate()
                for name in ("worker", "gateway"):
                    self.launch(name)
                for name in (*self._early, "gateway"):
                    self._wait_for(name)
        except BaseException:
            self.stop()
            raise
        if self.other_issuer:
            self._say(f"  {'identity':<10} yours   {self.issuer}; send people back to {self.url}/auth/callback")
        else:
            self._say(f"  {'identity':<10} ready   {self.issuer} (development only)")
        self._say(f"  {'toolserver':<10} ready   http://127.0.0.1:{self.tool_port} (sample MCP server)")
        if self._small_model:
            self._say(f"  {'model':<10} ready   http://127.0.0.1:{self.model_port} ({NAME}: it answers badly)")
        self._say(f"  {'worker':<10} ready   signed jobs")
        self._say(f"  {'gateway':<10} ready   {self.url}; services: {self.services_url}")

    @property
    def _early(self) -> tuple[str, ...]:
        provider = () if self.other_issuer else ("identity",)
        return (*provider, "toolserver", *(("model",) if self._small_model else ()))

    def stop(self) -> None:
        """Stop every part; servers of data come last."""
        for group in (("gateway", "worker", "identity", "toolserver", "model"), ("jobs", "state", "database")):
            with ThreadPoolExecutor(len(group)) as pool:
                list(pool.map(self._end, group))
        self._record.note(self.processes)
        with suppress(OSError):  # not empty: a server was killed, and the next start cleans up after it
            self.places.sockets.rmdir()
        self._lock.close()

    def watch(self) -> None:
        """Stay until a part cannot be kept alive. Raises `CannotStart` then."""
        while True:
            for name, process in list(self.processes.items()):
                if process.poll() is not None:
                    self._revive(name, process.returncode)
            time.sleep(0.3)

    def launch(self, name: str) -> None:
        """Start one of the Python parts."""
        with open(self.places.logs / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command_of(name, self.ports, self.secrets)],
                cwd=PROJECT,
                env=self.environment(name),
                stdout=log,
                stderr=log,
                stdin=subprocess.PIPE if name == "identity" else subprocess.DEVNULL,
                start_new_session=True,
            )
        if process.stdin is not None:
            passwords = {account.name: self.secrets.password(account.name) for account in ACCOUNTS}
            services = dict.fromkeys(SERVICES, self.secrets["identity_service_secret"])
            client = self.secrets["identity_client_secret"]
            given = {"client_secret": client, "passwords": passwords, "services": services}
            process.stdin.write(json.dumps(given).encode())
            process.stdin.close()
        self._keep(name, process)

    def environment(self, part: str) -> dict[str, str]:
        """Return the environment of a part: its settings, its own secrets folder, and nothing it does not need."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        passed["PYTHONUNBUFFERED"] = "1"
        if part in ("toolserver", "model"):
            return passed  # it is no part of the application: it learns nothing of it
        chosen = {name: value for name, value in os.environ.items() if name.startswith("CHATBOT_") and "__" in name}
        return {
            **passed,
            "CHATBOT_ENVIRONMENT": "development",
            "CHATBOT_SECRETS_FOLDER": str(self.secrets.folder(part)),
            "CHATBOT_GATEWAY__INSTANCE": self.places.instance,
            "CHATBOT_IDENTITY__CLIENT_ID": "chatbot",
            "CHATBOT_IDENTITY__GROUPS": json.dumps(GROUPS),
            "CHATBOT_IDENTITY__SERVICES": json.dumps(SERVICES),
            "CHATBOT_DATABASE__HOST": str(self.places.sockets),
            "CHATBOT_DATABASE__NAME": DATABASE,
            "CHATBOT_VALKEY__SOCKET": str(self.state.socket),
            "CHATBOT_JOBS__SOCKET": str(self.jobs.socket),
            "CHATBOT_JOBS__PRODUCERS": json.dumps({"gateway": self.secrets.gateway_public_key()}),
            "CHATBOT_MONITORING__FORMAT": "plain",
            **(self._gateway_settings() if part == "gateway" else {}),
            **chosen,
            **self._settings,
            "CHATBOT_GATEWAY__PORT": str(self.port),
            "CHATBOT_GATEWAY__PUBLIC_URL": self.url,
            "CHATBOT_IDENTITY__ISSUER": self.issuer,
        }

    def _gateway_settings(self) -> dict[str, str]:
        model = small_model_settings(self.model_port) if self._small_model else {}
        return tool_settings(self.tool_port) | mutual_tls_settings(self.certificates, self.services_port) | model

    def __enter__(self) -> "Stack":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _start_server(self, part: Postgres | Valkey) -> None:
        part.start(self._keep)
        self._say(f"  {part.name:<10} ready   {part.describe()}")

    def _end(self, name: str) -> None:
        if process := self.processes.pop(name, None):
            end_child(process, signal.SIGINT if name == "database" else signal.SIGTERM)

    def _keep(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        with self._noting:  # the parts start side by side
            self.processes[name] = process
            self._record.note(dict(self.processes))

    def _migrate(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "chatbot", "migrate"],
            cwd=PROJECT,
            env=self.environment("migrate"),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotStart(f"The database could not be brought up to date: {done.stderr.strip()[-1500:]}")

    def _wait_for(self, name: str) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.processes[name].poll() is not None:
                raise CannotStart(f"The {name} ended while starting:\n{self.log_tail(name)}")
            try:
                with urllib.request.urlopen(ready_address(name, self.ports), timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise CannotStart(f"The {name} does not answer after a minute:\n{self.log_tail(name)}")

    def log_tail(self, name: str) -> str:
        """Return the last lines of a part's log."""
        path = self.places.logs / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-12:]) if path.exists() else ""

    def _revive(self, name: str, status: int) -> None:
        self._restarts[name] = self._restarts.get(name, 0) + 1
        if self._restarts[name] > _MOST_RESTARTS:
            raise CannotStart(f"The {name} ends again and again (status {status}):\n{self.log_tail(name)}")
        self._say(f"  {name:<10} ended with status {status}: starting it again")
        servers: dict[str, Postgres | Valkey] = {"database": self.postgres, "state": self.state, "jobs": self.jobs}
        if name in servers:
            servers[name].start(self._keep)
        else:
            self.launch(name)

    def _take_lock(self) -> IO[str]:
        lock = open(self.places.state / "lock", "w")  # noqa: SIM115 - held for the process's life
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart("This project is already running: stop it there first (Ctrl-C).") from None
        return lock
