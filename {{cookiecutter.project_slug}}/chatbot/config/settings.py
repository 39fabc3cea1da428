"""Every setting, typed and frozen, one group per part: `CHATBOT_<GROUP>__<NAME>`.

Secrets are optional here because each process has only its own; `chatbot/wiring.py` asks for those it needs.
"""

from base64 import b64decode
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretBytes, SecretStr, model_validator

from chatbot.config.documents import DocumentsSettings
from chatbot.config.group import Group
from chatbot.config.limits import LimitsSettings
from chatbot.config.stores import StoreAddress
from chatbot.core.principal import Role


class Environment(StrEnum):
    """Where the program runs; production is the stricter one."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or "@" in parts.netloc:
        raise ValueError("must be an origin, as in https://chat.example.com: scheme and host, no path")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise ValueError("must be a web address without credentials, as in https://host/v1")
    return value.rstrip("/")


def _issuer_address(value: str) -> str:
    """Check an issuer and leave it as it is: it is compared letter by letter (OpenID Connect Core 1.0, section 2)."""
    _web_address(value)
    return value


def _public_key(value: str) -> str:
    try:
        key = b64decode(value, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("must be an Ed25519 public key: 32 bytes in base64, as `python -m chatbot secrets` prints it")
    return value


IssuerAddress = Annotated[str, AfterValidator(_issuer_address)]
Origin = Annotated[str, AfterValidator(_origin)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class GatewaySettings(Group):
    """The web application."""

    public_url: Origin
    bind: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    # part of the cookies' names, since a __Host- cookie reaches every port of its host
    instance: str = Field(default="main", pattern=r"^[a-z0-9]{1,16}$")
    session_key: SecretBytes | None = Field(default=None, min_length=32)
    frontend: Path | None = None
    # only these may say in X-Forwarded-For whom they ask for; nobody by default
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()


class MutualTlsSettings(Group):
    """A second port, where services prove themselves by a certificate. It is opened when these settings are there.

    All files are PEM, and are read anew when they change.
    """

    url: Origin  # as services call it, for the Host header
    bind: str = "127.0.0.1"
    port: int = Field(ge=1, le=65535)
    # the server's own chain, and its key
    certificate: Path
    key: Path
    # whose certificates services have, and what these have revoked (one list of each); without lists they live out
    client_authorities: Path
    revoked: Path | None = None


class Service(Group):
    """A machine with access tokens of the issuer's. `subject` is the `sub` of its tokens, if not its client id.

    `certificate` is the URI that its certificate names, as in spiffe://acme.example/reports.
    """

    tenant: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    scopes: tuple[Literal["chat", "documents"], ...] = Field(min_length=1)
    name: str = Field(min_length=1, max_length=80)
    subject: str | None = Field(default=None, min_length=1, max_length=200)
    certificate: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9+.-]{0,20}:[!-~]{1,200}$")


class IdentitySettings(Group):
    """The OpenID Connect provider for people and services, and what its groups and clients mean here."""

    issuer: IssuerAddress
    client_id: str
    # how the application proves itself to the provider
    client_authentication: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    scopes: tuple[str, ...] = ("openid", "profile")
    # the claim that holds a person's groups, in the ID token or at UserInfo; realm_access.roles is a claim in a claim
    groups_claim: str = Field(default="groups", min_length=1, max_length=200)
    client_secret: SecretStr | None = Field(default=None, min_length=16)
    # provider group -> "tenant:role"; a person in no listed group is refused
    groups: dict[str, tuple[str, Role]]
    idle_seconds: int = Field(default=3600, ge=60)
    absolute_seconds: int = Field(default=12 * 3600, ge=300)
    # client id -> service; a machine that is not listed is refused
    services: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,55}$")], Service] = {}
    # whom access tokens must be made for: GATEWAY__PUBLIC_URL if left out
    audience: str | None = Field(default=None, min_length=1, max_length=200)
    # asks the issuer whether a token was revoked; false if it cannot be asked: tokens then live until they expire
    introspects: bool = True
    # how old the last proof of who asks may be for a dangerous act
    fresh_seconds: int = Field(default=600, ge=30)


class DatabaseSettings(Group):
    """PostgreSQL. `host` is a server name, or the folder of a private unix socket, which needs no TLS."""

    host: str
    tls: Literal["verify-full", "disable"] = "verify-full"
    # the authority of the server's certificate, PEM; the system's if left out
    ca: Path | None = None
    port: int = 5432
    name: str = "chatbot"
    api_password: SecretStr | None = None
    worker_password: SecretStr | None = None
    migrator_password: SecretStr | None = None
    # each role signs with a key of its own: the worker's makes no context of the gateway's
    context_key: SecretBytes | None = Field(default=None, min_length=32)
    worker_context_key: SecretBytes | None = Field(default=None, min_length=32)
    pool_size: int = Field(default=8, ge=1, le=100)


class ValkeySettings(StoreAddress):
    """The instance that keeps state: sessions, rates and budgets. It never evicts."""

    gateway_password: SecretStr | None = None

    @model_validator(mode="after")
    def _an_address(self) -> "ValkeySettings":
        if self.place is None:
            raise ValueError("give either the socket or the host")
        return self


class JobsSettings(StoreAddress):
    """Signed messages between gateway and worker, and the instance that they wait in. Keys are 32-byte Ed25519 seeds.

    The instance has memory of its own: whoever fills it stops documents from being read, and nobody from signing in.
    Without an address development takes the state instance; production does not start.
    """

    gateway_password: SecretStr | None = None
    worker_password: SecretStr | None = None
    gateway_signing_key: SecretBytes | None = None
    # base64 public keys by producer name; `chatbot secrets` prints the gateway's
    producers: dict[str, Annotated[str, AfterValidator(_public_key)]] = {}
    life_seconds: int = Field(default=3600, ge=10)
    # how many documents one worker program reads at once; of several, the last is kept for short work
    concurrency: int = Field(default=2, ge=1, le=64)


class ModelSettings(Group):
    """The language model. Without `base_url` the offline assistant answers."""

    base_url: WebAddress | None = None
    name: str = "offline"
    key: SecretStr | None = None
    # off for a model whose endpoint refuses requests that offer tools
    uses_tools: bool = True
    max_answer_tokens: int = Field(default=1024, ge=1, le=32768)
    # the operator's own words for the model, beside the rules that always hold: a role, a tone, a length
    instructions: str = Field(default="", max_length=4000)
    # as in "German"; left out, the model answers in the question's
    answer_language: str = Field(default="", pattern=r"^[\w ()-]{0,40}$")
    # what differs between endpoints; the log names the setting when an endpoint refuses a request for one of them
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sends_stream_options: bool = True
    instructions_role: Literal["system", "developer", "user"] = "system"
    # a model that writes its thoughts first, without an opening mark, up to </think>
    starts_thinking: bool = False
    # where an endpoint keeps what it has computed of a prompt for the next one that begins alike: the field that keeps
    # tenants apart there, as `cache_salt` of vLLM
    cache_salt_field: str = Field(default="", pattern=r"^[a-z_]{0,40}$")
    extra_fields: dict[str, Any] = {}
    omitted_fields: tuple[str, ...] = ()
    connect_seconds: float = 5.0
    idle_seconds: float = 60.0
    total_seconds: float = 300.0


Language = Literal[
    "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish", "french", "german", "greek",
    "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian", "nepali", "norwegian", "portuguese",
    "romanian", "russian", "serbian", "simple", "spanish", "swedish", "tamil", "turkish", "yiddish",
]  # fmt: skip


class RetrievalSettings(Group):
    """How passages are found."""

    passages: int = Field(default=6, ge=1, le=12)
    # of documents and questions: whose word endings are taken off; `simple` takes off none. Documents that are there
    # already keep theirs until they are read again
    language: Language = "english"


class ToolServer(Group):
    """An MCP server that the gateway may call. Its credential is the secret file `tools_credential_<name>`."""

    url: WebAddress


class ToolRule(Group):
    """What one tool may be used for. Whatever is left out has its strictest value: nobody, and every suspicion."""

    server: str
    # its name at the server; the rule's own name, which the model sees, if left out
    tool: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_./-]{1,128}$")
    roles: tuple[Role, ...] = ()
    # JSON Schema (2020-12) of the arguments: what the model is shown and what each call is held against
    arguments: dict[str, Any]
    # the operator's own words; without them the server's, which are untrusted text
    description: str | None = Field(default=None, max_length=500)
    seconds: float = Field(default=5.0, gt=0, le=60)
    # a hostile answer of so many small blocks holds the process: a tenth of a second at the default
    most_bytes: int = Field(default=16 * 1024, ge=1, le=64 * 1024)
    effect: Literal["none", "write"] = "write"
    sends_out: bool = True


class ToolsSettings(Group):
    """The tools that the language model may ask for. A tool without a rule does not exist."""

    servers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$")], ToolServer] = {}
    rules: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], ToolRule] = {}
    # by server
    credential: dict[str, SecretStr] = {}
    most_rounds: int = Field(default=4, ge=1, le=8)
    most_calls: int = Field(default=6, ge=1, le=16)
    total_seconds: float = Field(default=60.0, gt=0, le=300)

    @model_validator(mode="after")
    def _rules_name_known_servers(self) -> "ToolsSettings":
        if unknown := {rule.server for rule in self.rules.values()} - set(self.servers):
            raise ValueError(f"a rule names a server that is not among the servers: {sorted(unknown)[0]}")
        return self


class MonitoringSettings(Group):
    """Logs."""

    format: Literal["json", "plain"] = "json"


class Settings(Group):
    """All groups. A part of the program is handed its own group only."""

    environment: Environment
    gateway: GatewaySettings
    mtls: MutualTlsSettings | None = None
    identity: IdentitySettings
    database: DatabaseSettings
    valkey: ValkeySettings
    jobs: JobsSettings = JobsSettings()
    documents: DocumentsSettings = DocumentsSettings()
    model: ModelSettings = ModelSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    tools: ToolsSettings = ToolsSettings()
    limits: LimitsSettings = LimitsSettings()
    monitoring: MonitoringSettings = MonitoringSettings()

    @property
    def broker(self) -> StoreAddress:
        """Where jobs wait."""
        return self.valkey if self.jobs.place is None else self.jobs
