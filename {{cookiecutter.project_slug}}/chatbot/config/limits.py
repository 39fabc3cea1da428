"""The settings of rates, budgets and capacity: `CHATBOT_LIMITS__<NAME>`."""

from typing import Annotated, Any, Literal

from limits import parse_many
from pydantic import AfterValidator, Field, model_validator

from chatbot.config.group import Group


def _rate(value: str) -> str:
    if any(item.amount < 1 for item in parse_many(value)) or len(parse_many(value)) != 1:
        raise ValueError("must be one rate, as in 30/minute")
    return value


class Price(Group):
    """What a model costs: the currency's units for a million tokens, in and out."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)


class TokenWindows(Group):
    """Tokens for each window; null for no limit."""

    minute: int | None = Field(default=None, ge=0)
    day: int | None = Field(default=None, ge=0)
    month: int | None = Field(default=None, ge=0)


class MoneyWindows(Group):
    """Money for each window, in the currency's units; null for no limit."""

    minute: float | None = Field(default=None, ge=0)
    day: float | None = Field(default=None, ge=0)
    month: float | None = Field(default=None, ge=0)


class Budget(Group):
    """What one user, key, tenant, or all together may use."""

    tokens: TokenWindows = TokenWindows()
    money: MoneyWindows = MoneyWindows()


_BUDGETS = {
    "user": Budget(tokens=TokenWindows(minute=400_000, day=4_000_000, month=40_000_000)),
    "key": Budget(tokens=TokenWindows(minute=400_000, day=4_000_000, month=40_000_000)),
    "tenant": Budget(tokens=TokenWindows(minute=4_000_000, day=40_000_000, month=400_000_000)),
    "all": Budget(tokens=TokenWindows(day=400_000_000, month=4_000_000_000)),
}


class LimitsSettings(Group):
    """How often, how much, how many at once."""

    # other numbers for rows of chatbot/gateway/access/rates.py, as in {"ask-by-person": "10/minute"}
    rates: dict[str, Annotated[str, AfterValidator(_rate)]] = {}
    # what is left away has its default; JSON
    budgets: dict[Literal["user", "key", "tenant", "all"], Budget] = {}
    # by the model's name; JSON
    prices: dict[str, Price] = {}
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    # of a question, and of everything that a program sends at once (estimated: a quarter of the bytes)
    most_question_tokens: int = Field(default=6000, ge=100)
    most_prompt_tokens: int = Field(default=64_000, ge=100)
    # answers under way of one person, in all processes
    most_answers_each: int = Field(default=16, ge=1)
    # of one process: requests under way, and connections
    most_requests: int = Field(default=1000, ge=1)
    # of these one person's; an address without an account may have a quarter of all
    max_requests_per_person: int = Field(default=64, ge=1)
    most_connections: int = Field(default=4000, ge=1)
    # of these from one address (of IPv6: one /64), unless it is a listed proxy
    max_connections_per_address: int = Field(default=1000, ge=1)
    # how long an answer may be under way at the most; afterwards it no longer counts as open
    lease_seconds: int = Field(default=900, ge=30)
    # a request's head, and each next part of its body, must come in that time
    head_seconds: float = Field(default=10.0, gt=0)
    body_seconds: float = Field(default=15.0, gt=0)
    # a reader who takes nothing for that long has left
    reader_seconds: float = Field(default=30.0, gt=0)
    # while an answer runs, its reader's rights are looked up again so often
    standing_seconds: float = Field(default=4.0, gt=0, le=5)

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, values: Any) -> Any:
        """Give a budget that is not named its default: leaving one away never means that it is boundless."""
        if isinstance(values, dict) and isinstance(values.get("budgets", {}), dict):
            return {**values, "budgets": {**_BUDGETS, **values.get("budgets", {})}}
        return values
