"""The settings of how many documents there may be: `CHATBOT_DOCUMENTS__<NAME>`."""

from pydantic import Field

from chatbot.config.group import Group


class DocumentsSettings(Group):
    """How many documents may wait to be read and be kept, for each person and each tenant."""

    max_waiting_per_user: int = Field(default=30, ge=1)
    max_waiting_per_tenant: int = Field(default=300, ge=1)
    max_documents_per_user: int = Field(default=2_000, ge=1)
    max_documents_per_tenant: int = Field(default=50_000, ge=1)
    max_megabytes_per_user: int = Field(default=2_048, ge=1)
    max_megabytes_per_tenant: int = Field(default=51_200, ge=1)
