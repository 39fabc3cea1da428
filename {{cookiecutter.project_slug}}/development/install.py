"""Makes a virtual environment and installs hashed requirements into it: with uv where present, else with pip.

Standard library only: it runs before anything is installed, under whatever `python3` there is.
Usage: python3 development/install.py ENVIRONMENT REQUIREMENTS
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
PLATFORMS = ("linux", "darwin")


def find_obstacle() -> str:
    """Return a sentence saying why this machine cannot be used, or nothing."""
    if sys.platform not in PLATFORMS:
        return f"{platform.system()} is not supported: use Linux or macOS (on Windows, WSL 2)."
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        return (
            f"Python {platform.python_version()} is not supported: install Python 3.11 to 3.14"
            " and run make with PYTHON=python3.12, say."
        )
    if shutil.which("uv") is None:
        try:
            import ensurepip  # noqa: F401 - only whether it is there
            import venv  # noqa: F401 - only whether it is there
        except ImportError:
            return (
                "Python's venv module is missing. Install it (on Debian and Ubuntu: apt install python3-venv),"
                " or install uv."
            )
    return ""


def install(environment: Path, requirements: Path) -> None:
    """Install `requirements` into `environment`, unless exactly they are there already."""
    stamp = environment / f".installed-{requirements.stem}"
    fingerprint = hashlib.sha256(requirements.read_bytes()).hexdigest()
    python = environment / "bin" / "python"
    if stamp.exists() and stamp.read_text() == fingerprint and python.exists():
        return
    uv = shutil.which("uv")
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONWARNINGS": "ignore"}
    # a file lists all that is needed: what its packages ask for beside is left out on purpose
    print(f"Installing {requirements.name} with {'uv' if uv else 'pip'} ...", flush=True)
    if uv:
        if not python.exists():
            run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], quiet)
        command = [uv, "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--python", str(python)]
    else:
        if not python.exists():
            run([sys.executable, "-m", "venv", str(environment)], quiet)
        command = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    run([*command, "-r", str(requirements)], quiet)
    stamp.write_text(fingerprint)


def run(command: list[str], environment: dict[str, str]) -> None:
    """Run a command, or end with its own message and a sentence."""
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode:
        sys.exit(f"\nInstalling failed (see above). The command was: {' '.join(command)}")


def main() -> None:
    """Check the machine, then install."""
    obstacle = find_obstacle()
    if obstacle:
        sys.exit(obstacle)
    install(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
