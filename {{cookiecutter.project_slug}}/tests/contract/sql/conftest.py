"""One database server for these tests, and one database with rows of two tenants."""

from collections.abc import Iterator

import pytest

from development.stack import Stack
from tests.conftest import make_state
from tests.doubles import tenants
from tests.doubles.tenants import Filled


@pytest.fixture(scope="session")
def server() -> Iterator[Stack]:
    with tenants.database_server(make_state()) as server:
        yield server


@pytest.fixture(scope="session")
def filled(server: Stack) -> Iterator[Filled]:
    with tenants.filled_database(server) as filled:
        yield filled


@pytest.fixture(scope="session")
def widened(server: Stack) -> Iterator[Filled]:
    """The same, and the gateway's role has every right that a table can give."""
    with tenants.filled_database(server, "chatbot_widened") as filled:
        filled.outside.execute("grant all on all tables in schema chatbot to chatbot_api")
        yield filled
