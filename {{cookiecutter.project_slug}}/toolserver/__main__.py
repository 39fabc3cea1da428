"""`python -m toolserver --port=N --credential-file=PATH`: the sample MCP server, on loopback only."""

import argparse
import sys
from pathlib import Path

import uvicorn

from toolserver.server import build_application


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m toolserver", description="A sample MCP server.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--credential-file", type=Path, required=True, help="what a client has to present")
    chosen = parser.parse_args()
    try:
        app = build_application(chosen.port, chosen.credential_file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        sys.stderr.write(f"The tool server cannot start: {error}\n")
        return 2
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=chosen.port,
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
        limit_concurrency=64,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
