"""PostgreSQL and Valkey over TCP: only by TLS, only with the authority's certificate, only under the server's own name."""

import asyncio
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography import x509
from redis.exceptions import RedisError
from sqlalchemy import text

from chatbot.config.settings import DatabaseSettings, ValkeySettings
from chatbot.database.calls.pool import FixedCalls
from chatbot.database.engines import ConnectionLost, WorkerDatabase
from chatbot.jobs.queue import make_celery
from chatbot.wiring import _connect
from development.certificates import Authority, as_text
from development.stack import Stack
from tests.contract.test_pools import principal_of, settings_of, signer
from tests.doubles.person import Person
from tests.doubles.tls_front import TlsFront

ADDRESS = x509.IPAddress(ip_address("127.0.0.1"))
OTHER = x509.DNSName("elsewhere.example")


@pytest.fixture(params=["right", "another authority", "another name"])
def fronts(
    request: pytest.FixtureRequest, stack: Stack, tmp_path: Path
) -> Iterator[tuple[bool, Path, TlsFront, TlsFront]]:
    authority, stranger = Authority("stores"), Authority("strangers")
    issuer = stranger if request.param == "another authority" else authority
    certificate, key = issuer.issue(OTHER if request.param == "another name" else ADDRESS, server=True).write(
        tmp_path, "server"
    )
    (tmp_path / "authority.pem").write_text(as_text(authority.certificate))
    database = TlsFront(stack.places.sockets / ".s.PGSQL.5432", certificate, key, starts_plain=True)
    state = TlsFront(stack.state.socket, certificate, key, starts_plain=False)
    yield request.param == "right", tmp_path / "authority.pem", database, state
    database.close()
    state.close()


def test_the_database_is_reached_by_verified_tls_alone(stack: Stack, alice: Person, fronts: Any) -> None:
    right, authority, front, _ = fronts
    base = settings_of(stack, "worker")
    settings = DatabaseSettings(
        **base.model_dump()
        | {"host": "127.0.0.1", "port": front.port, "ca": authority, "tls": "verify-full", "pool_size": 2}
    )
    worker = WorkerDatabase(settings, signer(stack, "worker"), stack.secrets["database_worker_password"], "english")

    async def ask() -> Any:
        calls = FixedCalls(settings, "chatbot_api", stack.secrets["database_api_password"], "english")
        await calls.open()
        try:
            return await calls.row("select 1 as one")
        finally:
            await calls.close()

    if right:
        with worker.acting_for(principal_of(alice, "acme")) as connection:
            assert connection.scalar(text("select 1")) == 1
        assert asyncio.run(ask())["one"] == 1
    else:
        with pytest.raises(ConnectionLost), worker.acting_for(principal_of(alice, "acme")):
            pass
        with pytest.raises((ssl.SSLError, OSError, asyncpg.PostgresError)):
            asyncio.run(ask())


def test_valkey_is_reached_by_verified_tls_alone(stack: Stack, fronts: Any) -> None:
    right, authority, _, front = fronts
    settings = ValkeySettings(host="127.0.0.1", port=front.port, ca=authority)
    password = stack.secrets["valkey_gateway_password"]

    async def ping() -> bool:
        client = _connect(settings, password)
        try:
            return bool(await client.ping())
        finally:
            await client.aclose()

    def broker() -> None:
        with make_celery(
            settings, "admin", stack.secrets["valkey_admin_password"]
        ).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            connection.default_channel.client.llen("documents")

    if right:
        assert asyncio.run(ping())
        broker()
    else:
        with pytest.raises((RedisError, OSError)):
            asyncio.run(ping())
        with pytest.raises(Exception, match=r"(?i)certificate|verify|connect"):
            broker()
