"""The client libraries that programs use, unchanged, each in a process of its own against the running product."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from development.stack import PROJECT, Stack
from tests.doubles.person import Person

SCRIPTS = Path(__file__).with_name("clients")
MODULES = Path(os.environ.get("CHATBOT_NODE_MODULES", SCRIPTS.parent)) / "node_modules"
PYTHON = Path(os.environ.get("CHATBOT_CLIENTS", PROJECT / ".clients")) / "bin" / "python"
GUIDE = "# Lighthouse\n\nThe lighthouse is closed on Mondays."
CLIENTS = sorted(path.name for path in SCRIPTS.glob("with_*"))


@pytest.fixture(scope="module")
def key(stack: Stack) -> Iterator[str]:
    anna = Person(stack).sign_in("alice")
    anna.upload("lighthouse.md", GUIDE)
    made = anna.post("/api/v1/keys", json={"name": "clients", "scopes": ["chat"]}).json()
    yield made["key"]
    anna.change("DELETE", f"/api/v1/keys/{made['id']}")
    anna.close()


def command_of(script: str, folder: Path) -> list[str]:
    """Return what runs a client's script; the packages for Node are found from where it stands."""
    if script.endswith(".py"):
        if not PYTHON.exists():
            pytest.skip(f"{script} did not run: make setup-ecosystem installs its library")
        return [str(PYTHON), str(SCRIPTS / script)]
    if shutil.which("node") is None or not (MODULES / "ai").is_dir():
        pytest.skip(f"{script} did not run: make setup-ecosystem installs its library (needs Node.js and npm)")
    shutil.copy(SCRIPTS / script, folder)
    (folder / "node_modules").symlink_to(MODULES)
    return ["node", "--preserve-symlinks", "--preserve-symlinks-main", str(folder / script)]


@pytest.mark.parametrize("script", CLIENTS)
def test_a_client_chats_whole_streamed_and_with_a_history(script: str, key: str, stack: Stack, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "OPENAI_API_KEY": key,
        # one of them would fetch its list of prices, and nothing but the product is to be asked
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "127.0.0.1",
    }
    done = subprocess.run(
        [*command_of(script, tmp_path), f"{stack.url}/v1", str(SCRIPTS / "conversation.json")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert "Mondays" in told["whole"]
    assert told["streamed"] == told["whole"]
    assert "Mondays" in told["history"]
    assert told["finish"] == ["stop", "stop"]
    assert told["tokens"][0] == told["tokens"][1] > 10


def test_every_client_of_the_list_has_a_script() -> None:
    told = {path.stem.removeprefix("with_") + path.suffix for path in SCRIPTS.glob("with_*")}
    assert told == {"openai.py", "langchain.py", "litellm.py", "llama_index.py", "openai.mjs", "ai_sdk.mjs"}
