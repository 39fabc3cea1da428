"""The development stack: survives being killed, names what is in its way, and leaves nothing behind."""

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from development.places import CannotStart, ServiceUser, find_places, reachable
from development.ports import choose_ports
from development.stack import PROJECT, Stack
from tests.conftest import free_port, make_state
from tests.doubles.person import Person
from tests.doubles.supervisor import Supervisor


@pytest.fixture
def state() -> Iterator[Path]:
    made = make_state()
    yield made
    shutil.rmtree(made, ignore_errors=True)
    shutil.rmtree(find_sockets(made), ignore_errors=True)


def find_sockets(state: Path) -> Path:
    try:
        return find_places(state).sockets
    finally:
        shutil.rmtree(state, ignore_errors=True)


def test_ten_starts_and_kills_in_a_row_lose_nothing(state: Path) -> None:
    kept: list[str] = []
    cookies: dict[str, str] = {}
    for number in range(10):
        running = Supervisor(state)
        assert running.is_up, running.output
        person = Person(running)
        if number == 0:
            person.sign_in("alice")
            person.upload("kept.md", "# Kept\n\nThe kept word is bergamot.")
            cookies = dict(person.cookies)
        person.cookies = dict(cookies)
        session = person.get("/api/v1/session")
        assert session.status_code == 200, "the session was lost"
        person.csrf = session.json()["csrf_token"]
        for conversation in kept:
            assert len(person.get(f"/api/v1/conversations/{conversation}").json()["messages"]) == 2
        answer = person.ask("What is the kept word?")
        assert "bergamot" in answer.text
        kept.append(answer.conversation)
        # the answer is on the page: from here on it may not be lost
        person.close()
        if number < 9:
            left = running.kill(everything=number % 2 == 0)
            assert bool(left) == (number % 2 == 1), "the attack must leave the servers running every other time"
    family = running.family()
    assert running.interrupt() == 0
    assert "Stopping." in running.output
    assert psutil.wait_procs(family, timeout=10)[1] == []


def test_a_part_that_dies_is_started_again(state: Path) -> None:
    running = Supervisor(state)
    person = Person(running).sign_in("alice")
    victims = [process for process in running.family() if "run worker" in " ".join(process.cmdline())]
    for process in victims:
        process.kill()
    psutil.wait_procs(victims, timeout=10)
    person.upload("after.md", "# After\n\nText.")
    person.close()
    assert running.interrupt(signal.SIGTERM) == 0
    assert "worker     ended with status -9: starting it again" in running.output


def test_a_second_start_in_the_same_folder_says_so(stack: Stack) -> None:
    second = Supervisor(stack.places.state)
    assert not second.is_up
    assert second.process.returncode == 1
    assert second.output.strip() == "This project is already running: stop it there first (Ctrl-C)."


def test_two_installations_side_by_side_share_nothing(stack: Stack, model_stack: Stack) -> None:
    one, two = Person(stack).sign_in("alice"), Person(model_stack).sign_in("alice")
    assert not set(one.cookies) & set(two.cookies)
    assert stack.places.sockets != model_stack.places.sockets
    assert stack.secrets["database_api_password"] != model_stack.secrets["database_api_password"]
    # one browser holds both, since a __Host- cookie reaches every port: each application sees only its own
    one.cookies |= two.cookies
    assert one.get("/api/v1/session").status_code == 200
    one.close()
    two.close()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is taken by .*process {os.getpid()}.*make run PORT="):
            choose_ports(tmp_path / "ports.json", port)
    assert choose_ports(tmp_path / "ports.json", port)[0] == port


def test_the_first_free_ports_are_taken_and_kept(tmp_path: Path) -> None:
    first = choose_ports(tmp_path / "ports.json", None)
    assert len(set(first[:4])) == 4 and first.model == 0
    assert choose_ports(tmp_path / "ports.json", None) == first
    beside = choose_ports(tmp_path / "ports.json", None, small_model=True)
    assert beside[:4] == first[:4] and beside.model not in first
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", beside.model))
        taken.listen(1)
        assert choose_ports(tmp_path / "ports.json", None) == first  # what does not run needs no port
        with pytest.raises(CannotStart, match=f"Port {beside.model} is taken"):
            choose_ports(tmp_path / "ports.json", None, small_model=True)


def test_nothing_listens_on_the_network(stack: Stack) -> None:
    listening = set()
    for process in stack.processes.values():
        for member in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            listening |= {c.laddr for c in member.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert {(address.ip, address.port) for address in listening} == {
        ("127.0.0.1", stack.port), ("127.0.0.1", stack.identity_port), ("127.0.0.1", stack.tool_port),
        ("127.0.0.1", stack.services_port),
    }  # fmt: skip


def test_secrets_sockets_and_data_are_closed_to_others(stack: Stack) -> None:
    for path in [
        stack.places.secrets,
        *stack.places.secrets.rglob("*"),
        stack.places.sockets,
        *stack.places.sockets.glob("*.sock"),
    ]:
        assert path.stat().st_mode & 0o077 == 0, path
    for folder in stack.places.services.iterdir():
        if folder.name != "programs":
            assert folder.stat().st_mode & 0o077 == 0, folder
    for log in stack.places.logs.glob("*.log"):
        text = log.read_text()
        for name in ("database_api_password", "gateway_session_key", "account_alice", "valkey_gateway_password"):
            assert stack.secrets[name] not in text


def test_each_part_has_only_its_own_secrets(stack: Stack) -> None:
    held = {
        part.name: {file.name for file in part.iterdir()} for part in stack.places.secrets.iterdir() if part.is_dir()
    }
    assert "database_worker_password" not in held["gateway"]
    assert held["worker"] == {"database_worker_password", "database_worker_context_key", "jobs_worker_password"}
    assert held["toolserver"] == {"tools_credential_sample"}
    assert not [name for name in stack.environment("toolserver") if name.startswith("CHATBOT_")]
    for part in ("gateway", "worker"):
        assert "database_migrator_password" not in held[part]
        environment = stack.environment(part)
        assert not [name for name, value in environment.items() if len(value) >= 32 and value in stack.secrets.values()]


def test_where_documents_and_requests_share_a_machine_requests_come_first(stack: Stack) -> None:
    gateway, worker = (psutil.Process(stack.processes[name].pid) for name in ("gateway", "worker"))
    assert all(child.nice() == gateway.nice() + 5 for child in (worker, *worker.children(recursive=True)))


def test_a_runtime_folder_that_somebody_else_made_is_refused(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = find_places(state)
    places.sockets.chmod(0o755)
    with pytest.raises(CannotStart, match="open to others"):
        find_places(state)
    places.sockets.rmdir()
    places.sockets.symlink_to("/tmp")
    with pytest.raises(CannotStart, match="belongs to somebody else"):
        find_places(state)
    places.sockets.unlink()


@pytest.mark.skipif(os.getuid() != 0, reason="not root: every other test already ran as an ordinary user")
def test_the_stack_starts_as_an_ordinary_user(state: Path) -> None:
    nobody = find_places(state).service_user
    assert nobody is not None
    home = Path(tempfile.mkdtemp(prefix="chatbot-user-", dir="/tmp"))
    try:
        project = home / "project"
        shutil.copytree(
            PROJECT, project, ignore=shutil.ignore_patterns(".venv", ".run", "__pycache__", "tests", "benchmarks")
        )
        python = python_of(home, nobody)
        (home / "state").mkdir()
        for path in (home, home / "state"):
            os.chown(path, nobody.uid, nobody.gid)
        running = Supervisor(home / "state", "--port", str(free_port()), project=project, python=python, **nobody.popen)
        assert running.is_up, running.output
        assert {process.uids().real for process in running.family()} == {nobody.uid}
        person = Person(running).sign_in("alice")
        person.upload("user.md", "# User\n\nThe user's word is chervil.")
        assert "chervil" in person.ask("What is the user's word?").text
        person.close()
        assert running.interrupt() == 0
        for log in (home / "state" / "logs").glob("*.log"):
            assert "Traceback" not in log.read_text()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def python_of(home: Path, user: ServiceUser) -> str:
    """Return an interpreter with this one's packages that `user` can run."""
    packages = Path(sysconfig.get_paths()["purelib"])
    if not reachable(packages, user):
        shutil.copytree(packages, home / "packages", symlinks=True)
        packages = home / "packages"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = next(
        (str(path) for path in (Path(sys.base_prefix) / "bin" / version, Path("/usr/bin") / version, Path("/usr/local/bin") / version)
         if path.exists() and reachable(path.resolve().parent, user)),
        None,
    )  # fmt: skip
    assert base, f"no {version} that an ordinary user can run: install one outside of root's home"
    subprocess.run([base, "-m", "venv", "--without-pip", home / "venv"], check=True)
    site = home / "venv" / "lib" / version / "site-packages"
    (site / "packages.pth").write_text(f"{packages}\n")
    add_what_an_older_patch_release_needs(Path(base), site)
    return str(home / "venv" / "bin" / "python")


def add_what_an_older_patch_release_needs(base: Path, site: Path) -> None:
    """Install async-timeout, which the requirements ask for below Python 3.11.3 only."""
    version = subprocess.run(
        [base, "-c", "import sys; print(sys.version_info[:3])"], capture_output=True, text=True, check=True
    )
    if ast.literal_eval(version.stdout) >= (3, 11, 3):
        return
    text = (PROJECT / "requirements" / "development.txt").read_text()
    entry = re.search(r"^(async-timeout==\S+) ;[^\\]*(\\\n(?:    --hash=\S+(?: \\)?\n)+)", text, re.MULTILINE)
    assert entry
    wanted = site / "older.txt"
    wanted.write_text(f"{entry[1]} {entry[2]}")
    uv = shutil.which("uv")
    installer = [uv, "pip"] if uv else [str(Path(sys.base_prefix) / "bin" / "python3"), "-m", "pip"]
    command = [*installer, "install", "--quiet", "--require-hashes", "--no-deps", "--target", site, "-r", wanted]
    subprocess.run(command, check=True)
