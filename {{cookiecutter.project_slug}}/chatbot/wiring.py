"""The only place where adapters are chosen and built."""

from dataclasses import dataclass
from ssl import TLSVersion
from typing import Any, TypeVar

from celery import Celery
from pydantic import SecretBytes, SecretStr
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection

from chatbot.chat.asking.prompt import AnswerSettings, make_instructions
from chatbot.chat.asking.tool_loop import ToolLoop
from chatbot.chat.completion import CompletionService
from chatbot.chat.turn import TurnService
from chatbot.config.loading import BadSettings
from chatbot.config.settings import Settings, ToolsSettings, ValkeySettings
from chatbot.database.calls.audit import AuditStore
from chatbot.database.calls.keys import KeyStore
from chatbot.database.calls.pool import FixedCalls
from chatbot.database.calls.programs import Programs
from chatbot.database.calls.standing import StandingStore
from chatbot.database.calls.turns import TurnStore
from chatbot.database.context import ContextSigner
from chatbot.database.engines import Database, WorkerDatabase
from chatbot.identity.certificates import Certificates
from chatbot.identity.openid import OpenIdProvider
from chatbot.identity.sessions import SessionStore
from chatbot.identity.tokens.access import AccessTokens
from chatbot.identity.tokens.issuer import Issuer
from chatbot.identity.tokens.revocation import Revocation
from chatbot.jobs.queue import JobQueue, make_celery, make_signer, make_verifier
from chatbot.limits.budgets import Budgets
from chatbot.limits.heavy import HeavyWork
from chatbot.limits.limiter import AsyncLimiter
from chatbot.limits.scripts import Counters
from chatbot.model.embedding import Embedder, HashingEmbedder
from chatbot.model.offline import OfflineAssistant
from chatbot.model.openai import OpenAIModel
from chatbot.model.port import LanguageModel
from chatbot.monitoring.audit import AuditTrail
from chatbot.monitoring.startup import DATABASE, VALKEY, required
from chatbot.outbound.tool_service import ToolService
from chatbot.tools.broker import ToolBroker
from chatbot.tools.policy import ToolPolicy
from chatbot.tools.schemas import BadSchema

_LISTING_SECONDS = 5.0
Secret = TypeVar("Secret", SecretStr, SecretBytes)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the gateway works with."""

    settings: Settings
    database: Database
    calls: FixedCalls
    programs: Programs
    standing: StandingStore
    trail: AuditTrail
    sessions: SessionStore
    provider: OpenIdProvider
    valkey: "Redis[bytes]"
    jobs: JobQueue
    model: LanguageModel
    tools: ToolBroker | None
    counters: Counters
    budgets: Budgets
    limiter: AsyncLimiter
    heavy: HeavyWork
    turn_service: TurnService
    completions: CompletionService

    async def open(self) -> None:
        """Connect to what must be there from the start. Raises `CannotStart`."""
        with required(DATABASE, "api"):
            await self.calls.open()
        with required(VALKEY, "gateway"):
            await self.valkey.ping()
        self.trail.open()
        self.provider.open()
        if self.tools is not None:
            self.tools.open()

    async def close(self) -> None:
        """Give every connection back."""
        if self.tools is not None:
            await self.tools.close()
        await self.provider.close()
        await self.model.close()
        await self.trail.close()
        await self.calls.close()
        await self.database.close()
        await self.valkey.aclose()


def build_gateway(settings: Settings) -> Parts:
    """Build the gateway's parts. Raises `BadSettings` for a secret that only the gateway needs."""
    password = _needed(settings.database.api_password, "database_api_password")
    valkey_password = _needed(settings.valkey.gateway_password, "valkey_gateway_password")
    signer = ContextSigner(_needed_key(settings.database.context_key, "database_context_key"), "chatbot_api")
    valkey = _connect(settings.valkey, valkey_password)
    sessions = _sessions(settings, valkey)
    calls = FixedCalls(settings.database, signer.role, password, settings.retrieval.language)
    turns = TurnStore(calls, signer)
    model = choose_model(settings)
    tools = build_tools(settings.tools) if settings.model.uses_tools else None
    loop = ToolLoop(tools, settings.tools) if tools else None
    counters = Counters(valkey)
    database = Database(settings.database, signer, password)
    standing = StandingStore(calls, signer)
    provider, tokens = build_identity(settings)
    certificates = Certificates(
        settings.identity, *((settings.mtls.client_authorities, settings.mtls.revoked) if settings.mtls else (None,))
    )
    answering = _answering(settings, turns, model, loop)
    heavy = HeavyWork()
    jobs_password = _needed(settings.jobs.gateway_password, "jobs_gateway_password")
    celery = make_celery(settings.broker, "gateway", jobs_password, job_signer=make_signer(settings.jobs))
    return Parts(
        settings=settings,
        database=database,
        calls=calls,
        programs=Programs(KeyStore(calls), tokens, certificates, database, standing),
        standing=standing,
        trail=AuditTrail(AuditStore(calls, signer)),
        sessions=sessions,
        provider=provider,
        valkey=valkey,
        jobs=JobQueue(celery),
        model=model,
        tools=tools,
        counters=counters,
        budgets=Budgets(settings.limits, settings.model.name),
        limiter=AsyncLimiter(counters),
        heavy=heavy,
        turn_service=TurnService(*answering, heavy=heavy),
        completions=CompletionService(*answering, heavy=heavy),
    )


def _sessions(settings: Settings, valkey: "Redis[bytes]") -> SessionStore:
    identity, key = settings.identity, _needed_key(settings.gateway.session_key, "gateway_session_key")
    return SessionStore(valkey, key, idle_seconds=identity.idle_seconds, absolute_seconds=identity.absolute_seconds)


def _answering(
    settings: Settings, turns: TurnStore, model: LanguageModel, loop: ToolLoop | None
) -> tuple[TurnStore, LanguageModel, Embedder, AnswerSettings, ToolLoop | None]:
    """Return what both services that answer are made of."""
    chosen = AnswerSettings(
        settings.retrieval.passages,
        settings.model.max_answer_tokens,
        make_instructions(settings.model.instructions, settings.model.answer_language),
        # under a label of its own
        _needed_key(settings.gateway.session_key, "gateway_session_key") if settings.model.cache_salt_field else b"",
    )
    return (turns, model, HashingEmbedder(settings.retrieval.language), chosen, loop)


def build_identity(settings: Settings) -> tuple[OpenIdProvider, AccessTokens]:
    """Return the sign-in of people and the verifier of services' tokens, of one issuer. Raises `BadSettings`."""
    identity, address = settings.identity, settings.gateway.public_url
    secret = _needed(identity.client_secret, "identity_client_secret")
    issuer = Issuer(identity, secret)
    tokens = AccessTokens(identity, identity.audience or address, issuer, Revocation(issuer))
    return OpenIdProvider(identity, secret, f"{address}/auth/callback", issuer), tokens


def _connect(settings: ValkeySettings, password: str) -> "Redis[bytes]":
    """Return the gateway's client. Whoever finds every connection in use waits for one, within bounds."""
    pool = BlockingConnectionPool(
        **_address(settings),
        username="gateway",
        password=password,
        socket_timeout=2,
        socket_connect_timeout=2,
        max_connections=32,
        timeout=5,
    )
    return Redis(connection_pool=pool)


def _address(settings: ValkeySettings) -> dict[str, Any]:
    """Return where the instance is, and how its certificate and its name are checked."""
    if settings.socket is not None:
        return {"connection_class": UnixDomainSocketConnection, "path": str(settings.socket)}
    found: dict[str, Any] = {"connection_class": Connection, "host": settings.host, "port": settings.port}
    if settings.tls:
        found |= {"connection_class": SSLConnection, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        found |= {"ssl_ca_certs": str(settings.ca) if settings.ca else None, "ssl_min_version": TLSVersion.TLSv1_2}
    return found


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What the worker works with."""

    app: Celery
    database: WorkerDatabase
    embedder: Embedder


def build_worker(settings: Settings) -> WorkerParts:
    """Build the worker's parts. Raises `BadSettings` for a secret that only the worker needs."""
    key = _needed_key(settings.database.worker_context_key, "database_worker_context_key")
    signer = ContextSigner(key, "chatbot_worker")
    password = _needed(settings.database.worker_password, "database_worker_password")
    jobs_password = _needed(settings.jobs.worker_password, "jobs_worker_password")
    app = make_celery(settings.broker, "worker", jobs_password, job_verifier=make_verifier(settings.jobs))
    language = settings.retrieval.language
    return WorkerParts(app, WorkerDatabase(settings.database, signer, password, language), HashingEmbedder(language))


def choose_model(settings: Settings) -> LanguageModel:
    """Return the configured language model: an OpenAI-compatible endpoint, or the offline assistant."""
    return OpenAIModel(settings.model) if settings.model.base_url else OfflineAssistant(settings.retrieval.language)


def build_tools(settings: ToolsSettings) -> ToolBroker | None:
    """Return the tool gateway, or None without rules. Raises `BadSettings` for a rule or a server that cannot hold."""
    if not settings.rules:
        return None
    longest = max(_LISTING_SECONDS, *(rule.seconds for rule in settings.rules.values()))
    services = {
        name: ToolService(server.url, _needed(settings.credential.get(name), f"tools_credential_{name}"), longest)
        for name, server in settings.servers.items()
    }
    try:
        return ToolBroker(ToolPolicy(settings.rules), services)
    except BadSchema as error:
        raise BadSettings([f"CHATBOT_TOOLS__RULES: {error}"]) from error


def _needed(secret: SecretStr | None, name: str) -> str:
    return _present(secret, name).get_secret_value()


def _needed_key(secret: SecretBytes | None, name: str) -> bytes:
    return _present(secret, name).get_secret_value()


def _present(secret: Secret | None, name: str) -> Secret:
    if secret is None:
        raise BadSettings([f"the secret file {name} is missing in CHATBOT_SECRETS_FOLDER: this process needs it"])
    return secret
