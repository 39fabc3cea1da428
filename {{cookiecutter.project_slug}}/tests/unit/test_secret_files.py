"""`chatbot secrets` makes every secret that a deployment needs, so that the example's settings are judged usable."""

import os
import stat
from pathlib import Path

import pytest

from chatbot.config.judging import REQUIRED
from chatbot.config.loading import BadSettings, declared_secrets, load_settings
from chatbot.operations.command import main
from chatbot.operations.doctor import read_environment
from chatbot.operations.secret_files import GIVEN, MAKERS

EXAMPLE = Path(__file__).parents[2] / "docs" / "production.env"
TO_REPLACE = {"CHATBOT_GATEWAY__PUBLIC_URL", "CHATBOT_IDENTITY__ISSUER", "CHATBOT_JOBS__PRODUCERS"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "secrets"


def made_files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_every_declared_secret_is_made_or_said_to_be_another_s() -> None:
    declared = declared_secrets()
    assert set(MAKERS) | set(GIVEN) == declared, "a new secret setting: add it to MAKERS, or to GIVEN, and to REQUIRED"
    assert not set(MAKERS) & set(GIVEN)
    assert {name for names in REQUIRED.values() for name in names} == set(MAKERS)


def test_each_part_gets_its_own_and_nobody_else_can_read_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = os.umask(0)  # the worst there is
    try:
        assert main(["secrets", str(folder)]) == 0
    finally:
        os.umask(before)
    made = made_files(folder)
    assert set(made) == {f"{part}/{name}" for part, names in REQUIRED.items() for name in names}
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    printed = capsys.readouterr()
    assert not [name for name, text in made.items() if text.strip() in printed.out + printed.err]
    # each is its own, but for what parts share
    shared = sum(len(names) for names in REQUIRED.values()) - len(MAKERS)
    assert len(set(made.values())) == len(made) - shared


def test_what_is_there_stays_and_the_rest_is_made(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secrets", str(folder)]) == 0
    kept = made_files(folder)
    (folder / "gateway" / "identity_client_secret").write_text("the provider's own word")
    (folder / "migrate" / "database_context_key").unlink()
    (folder / "worker" / "jobs_worker_password").unlink()
    assert main(["secrets", str(folder)]) == 0
    now = made_files(folder)
    assert now.pop("gateway/identity_client_secret") == "the provider's own word"
    assert now.pop("worker/jobs_worker_password") != kept["worker/jobs_worker_password"]
    assert {name: kept[name] for name in now} == now  # the context key is the others' again
    assert "1 made, 2 were there already" in capsys.readouterr().out


@pytest.mark.parametrize("opened", ["", "gateway", "worker", "migrate"])
def test_a_folder_that_is_open_to_others_gets_nothing(
    folder: Path, opened: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / opened).mkdir(parents=True)
    folder.chmod(0o700)
    (folder / opened).chmod(0o710)
    assert main(["secrets", str(folder)]) == 2
    assert "is open to others: chmod 700" in capsys.readouterr().err
    assert not list((folder / opened).glob("*_*"))


def test_a_link_in_a_file_s_place_is_not_written_through(folder: Path, tmp_path: Path) -> None:
    (folder / "gateway").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    (folder / "gateway" / "gateway_session_key").symlink_to(tmp_path / "elsewhere")
    assert main(["secrets", str(folder)]) == 2
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("migrate/database_context_key", "ab" * 32, "database_context_key differs from part to part"),
        ("gateway/jobs_gateway_signing_key", "my own key", "jobs_gateway_signing_key must hold 64 hexadecimal digits"),
    ],
)
def test_what_cannot_be_is_named_and_not_shown(
    folder: Path, file: str, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secrets", str(folder)]) == 0
    (folder / file).write_text(text)
    assert main(["secrets", str(folder)]) == 2
    printed = "".join(capsys.readouterr())
    assert said in printed
    assert text not in printed


def findings(part: str, environment: dict[str, str]) -> list[str]:
    try:
        load_settings(environment, part=part)
    except BadSettings as error:
        return error.findings
    return []


@pytest.mark.parametrize("part", REQUIRED)
def test_the_example_is_usable_with_them_once_its_addresses_are_replaced(
    folder: Path, part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secrets", str(folder)]) == 0
    (printed,) = (line.strip() for line in capsys.readouterr().out.splitlines() if "CHATBOT_JOBS__PRODUCERS=" in line)
    as_shipped = findings(part, read_environment(EXAMPLE, folder / part, "production"))
    assert {line.partition(":")[0].partition(" ")[0] for line in as_shipped} <= TO_REPLACE, as_shipped
    assert as_shipped, "a template's address passes for a real one"
    if part == "gateway":
        (folder / part / "model_key").write_text("sk-live-4f9a8b7c6d5e")
        (folder / part / "model_key").chmod(0o600)
    own = tmp_path / "own.env"
    lines = [
        printed if line.startswith("CHATBOT_JOBS__PRODUCERS=") else line for line in EXAMPLE.read_text().splitlines()
    ]
    own.write_text("\n".join(lines).replace("example.com", "acme.net"))
    capsys.readouterr()
    arguments = ["doctor", "--config", "--part", part, "--environment", "production", "--env-file", str(own)]
    status = main([*arguments, "--secrets", str(folder / part)])
    assert capsys.readouterr().out == f"The settings of the {part} are usable.\n"
    assert status == 0
