"""Another PostgreSQL than the embedded one: a distribution's own build, in a container without a network.

Its unix socket lies in the stack's own folder, so that whatever speaks to the embedded one speaks to it unchanged.
"""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from development.postgres import Postgres

IMAGE = os.environ.get("CHATBOT_TEST_POSTGRES_IMAGE", "chatbot-test-postgres:18")
_PROGRAMS = "/usr/lib/postgresql/18/bin"
# Debian 13 has pgvector 0.8.0 only, which is below the floor that migrations insist on
_SUITE, _PACKAGES = "forky", "postgresql-18,postgresql-18-pgvector"
# a mirror that stands still is good enough for a test: signatures are verified, only their age is not
_AGE = 'Acquire::Check-Valid-Until "false"'


@cache
def find_obstacle() -> str:
    """Return why no container can be run here, or nothing; makes the image when it is not there."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "the Docker daemon does not answer"
    if _has_image():
        return ""
    if shutil.which("mmdebstrap") is None:
        return f"the image {IMAGE} is not there, and mmdebstrap, which makes it, is not installed"
    try:
        _make_image()
    except subprocess.CalledProcessError as error:
        return f"the image {IMAGE} is not there, and {error.cmd[0]} could not make it"
    return ""


def _has_image() -> bool:
    return subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, check=False).returncode == 0


def _make_image() -> None:
    """Make the image of Debian's packages: no image registry is needed, and apt verifies what it installs."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "root.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", f"--aptopt={_AGE}"]
        subprocess.run([*command, _SUITE, str(archive)], check=True)
        subprocess.run(["docker", "import", str(archive), IMAGE], check=True, capture_output=True)


class ContainerPostgres(Postgres):
    """The stack's database server, each of its programs run in a container that sees only its own folders."""

    def program(self, name: str) -> list[str | Path]:
        user = self._places.service_user
        uid, gid = (user.uid, user.gid) if user else (os.getuid(), os.getgid())
        home = self._data.parent
        known = home / "passwd"  # initdb wants a name for its number
        known.write_text(f"postgres:x:{uid}:{gid}::/:/bin/false\n")
        known.chmod(0o644)
        self._switch = {}  # the docker client runs as whoever may; the server inside as the service account
        mounts = [f"{home}:{home}", f"{self._places.sockets}:{self._places.sockets}", f"{known}:/etc/passwd:ro"]
        return [
            "docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp", "--shm-size", "256m",
            "--security-opt", "no-new-privileges", "--user", f"{uid}:{gid}", "--env", "LC_ALL=C", "--env", "TZ=UTC",
            *(part for mount in mounts for part in ("--volume", mount)),
            IMAGE, f"{_PROGRAMS}/{name}",
        ]  # fmt: skip
