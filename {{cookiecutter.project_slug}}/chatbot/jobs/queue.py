"""The queue: one Celery application per process, configured the strict way, and the jobs it carries."""

import base64
import ssl
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

from celery import Celery
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kombu import Queue
from kombu.exceptions import OperationalError

from chatbot.config.settings import JobsSettings
from chatbot.config.stores import StoreAddress
from chatbot.core.errors import Unavailable
from chatbot.core.principal import Principal, Role
from chatbot.jobs.decoding import ACCEPTED
from chatbot.jobs.envelope import JobSigner, JobVerifier
from chatbot.jobs.transport import NAME as TRANSPORT

DOCUMENTS = "documents"
INGEST = "documents.ingest"
KEY_PREFIX = "jobs:"
_TASK_SECONDS = 110  # waiting for a turn, the longest reading, and storing what was read
_VISIBILITY_SECONDS = 120  # longer than a task may take, or a slow job would run twice


@dataclass(frozen=True, slots=True)
class IngestJob:
    """Make a document searchable, as the person who uploaded it. Identifiers are canonical UUID strings."""

    job: str
    tenant: str
    user: str
    role: str
    name: str
    document: str

    @property
    def principal(self) -> Principal:
        """On whose behalf the job runs."""
        return Principal(UUID(self.tenant), UUID(self.user), Role(self.role), self.name)


def make_celery(broker: StoreAddress, user: str, password: str, **parts: Any) -> Celery:
    """Return a Celery application that speaks signed JSON over the jobs' own instance as the Valkey user `user`.

    `parts` holds `job_signer` for a producer, `job_verifier` for the worker.
    """
    app = Celery("chatbot", amqp="chatbot.jobs.publishing:SigningAMQP", set_as_current=False)
    app.conf.update(
        broker_url=_broker_url(broker, user, password),
        broker_use_ssl=_broker_tls(broker),
        broker_transport_options={
            "global_keyprefix": KEY_PREFIX,
            "visibility_timeout": _VISIBILITY_SECONDS,
            "priority_steps": [0],
            "socket_timeout": 10,
        },
        broker_connection_retry_on_startup=True,
        task_queues=(Queue(DOCUMENTS, routing_key=DOCUMENTS),),
        task_default_queue=DOCUMENTS,
        task_create_missing_queues=False,
        task_serializer="json",
        accept_content=ACCEPTED,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_soft_time_limit=_TASK_SECONDS - 10,  # raises inside the task, which then says that it failed
        task_time_limit=_TASK_SECONDS,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_prefetch_multiplier=1,
        worker_consumer="chatbot.jobs.receiving:VerifyingConsumer",
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        **({"job_signer": None, "job_verifier": None} | parts),
    )
    return app


def _broker_url(broker: StoreAddress, user: str, password: str) -> str:
    credential = f"{user}:{quote(password, safe='')}"
    if broker.socket is not None:
        return f"{TRANSPORT}+socket://{credential}@{quote(str(broker.socket))}"
    return f"{TRANSPORT}://{credential}@{broker.host}:{broker.port}/0"


def _broker_tls(broker: StoreAddress) -> dict[str, Any] | bool:
    """Return how the server's certificate and its name are checked; nothing on a private unix socket."""
    if broker.socket is not None or not broker.tls:
        return False
    authority = {"ssl_ca_certs": str(broker.ca)} if broker.ca else {}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **authority}


class JobQueue:
    """Publishes jobs for principals."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def ingest(self, who: Principal, document: UUID) -> None:
        """Ask for a document to be made searchable. Raises `Unavailable` when the queue cannot take it."""
        job = IngestJob(str(uuid4()), str(who.tenant_id), str(who.user_id), who.role, who.name, str(document))
        try:
            self._app.send_task(INGEST, kwargs=asdict(job), kwargsrepr="{}", queue=DOCUMENTS, retry=False)
        except OperationalError as error:
            raise Unavailable("The document cannot be processed just now. Upload it again in a moment.") from error


def make_signer(settings: JobsSettings) -> JobSigner:
    """Return the gateway's signer."""
    if settings.gateway_signing_key is None:
        raise ValueError("the secret file jobs_gateway_signing_key is missing")
    return JobSigner("gateway", settings.gateway_signing_key.get_secret_value(), settings.life_seconds)


def make_verifier(settings: JobsSettings) -> JobVerifier:
    """Return the worker's verifier, from the producers' public keys."""
    keys = {name: Ed25519PublicKey.from_public_bytes(base64.b64decode(key)) for name, key in settings.producers.items()}
    return JobVerifier(keys)
