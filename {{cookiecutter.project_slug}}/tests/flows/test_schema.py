"""schemathesis over the whole of openapi.json against the running stack, with every check on (api-validate, app-error).

What is drawn is the same in every run: the boundaries of each schema, valid and invalid, and some values at random.
Valid calls are sent between the invalid ones: an operation goes on after what it refuses, and at least a third of the
calls of each are accepted, so that more than refusals is tested.
"""

import copy
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, unsupported_method

from development.stack import Stack
from tests.doubles.caller import DOCUMENT, OPERATIONS, Caller, calling

schemathesis.serializer.alias("application/csp-report", "application/json")
DRAWN = 12  # at random, of each kind
MOST_OF_A_KIND = 90  # what one large schema has beyond is thinned out evenly

# None is off, but for one operation. Three of them look at the history of a run, which calls one by one have not: what was deleted stays away
# and what is another's is not found in tests/flows/test_conversations.py, test_documents.py and attacks/test_neighbour.py.
CHECKS = {
    # of a valid call nothing but success is good: what it names exists
    "positive_data_acceptance": {"expected-statuses": ["2xx", "303"]},
    "negative_data_rejection": {"expected-statuses": ["400", "401", "404", "405", "413", "415", "422"]},
    "max_response_time": 5,
}


OFF = {
    # whatever a browser reports is answered alike: what is not known of it is dropped
    "/csp-report": [negative_data_rejection],
    # a form by another method is refused for being a form (415), before anybody asks what the path knows
    "/auth/backchannel-logout": [unsupported_method],
}


class Operation:
    """Sends the cases of one operation as one person and counts what is accepted."""

    def __init__(self, caller: Caller, schema: Any, method: str, path: str) -> None:
        self.caller, self.method, self.path = caller, method, path
        self.operation = schema[path][method]
        self.statuses: Counter[int] = Counter()
        self.session = requests.Session()
        self.session.trust_env = False

    def cases(self, mode: GenerationMode) -> list[schemathesis.Case]:
        """Return the boundary cases of the schema, then those drawn at random."""
        schema, config = self.operation.schema, self.operation.schema.config
        found = list(
            schema.iter_coverage_cases(
                self.operation,
                generation_modes=[mode],
                generation_config=config.generation_for(operation=self.operation),
            )
        )
        found = [case for case in found if case.meta.generation.mode is mode]
        return found[:: len(found) // MOST_OF_A_KIND + 1] + self._drawn(mode)

    def _drawn(self, mode: GenerationMode) -> list[schemathesis.Case]:
        found: list[schemathesis.Case] = []

        @hypothesis.settings(
            derandomize=True, database=None, deadline=None, max_examples=DRAWN, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @hypothesis.given(self.operation.as_strategy(generation_mode=mode))
        def draw(case: schemathesis.Case) -> None:
            found.append(case)

        # without parameters, or with any body at all, nothing that can be drawn is invalid
        if mode is GenerationMode.POSITIVE or (self.path != "/csp-report" and list(self.operation.iter_parameters())):
            draw()
        return found

    def send(self, case: schemathesis.Case) -> None:
        person = self.caller.somebody(self.method, self.path)
        valid = case.meta.generation.mode is GenerationMode.POSITIVE
        if valid or not _is_about_the_path(case):  # else what is wrong elsewhere is not looked at
            case.path_parameters = self.caller.values(self.method, self.path)
        if valid:
            case.query, case.body = self.caller.fit(person, self.method, self.path, dict(case.query or {}), case.body)
        headers = {"origin": person.stack.url, "sec-fetch-site": "same-origin", "x-csrf-token": person.csrf}
        unsigned = case.meta.is_negative_at(ParameterLocation.COOKIE)
        cookies = {} if unsigned else dict(person.cookies)
        sending = {"cookies": cookies, "allow_redirects": False, "timeout": 20, "session": self.session}
        response = case.call(base_url=person.stack.url, headers=headers, **sending)
        self.caller.undo(self.method, self.path)
        off = OFF.get(self.path)
        case.validate_response(response, headers=headers, transport_kwargs=sending, excluded_checks=off)
        assert not valid or response.status_code < 400, (
            f"{response.text}: if it names something that is not there, name something real in tests/doubles/caller.py"
        )
        self.statuses[response.status_code] += 1


def _is_about_the_path(case: schemathesis.Case) -> bool:
    """Say whether a value in the path is what is wrong with a case."""
    data = case.meta.phase.data
    if hasattr(data, "parameter_location"):  # a boundary of one place, which may leave any value in the others
        return data.parameter_location is ParameterLocation.PATH
    return bool(case.meta.is_negative_at(ParameterLocation.PATH))


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Iterator[Caller]:
    yield from calling(stack, "ada")


@pytest.fixture(scope="module")
def schema(stack: Stack) -> Any:
    """The document for this installation, and for people: what programs may is in tests/attacks/test_carriers.py."""
    document = copy.deepcopy(DOCUMENT)
    document["components"]["securitySchemes"]["session"]["name"] = f"__Host-chatbot-{stack.places.instance}-session"
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["security"] = [each for each in operation.get("security", []) if "session" in each]
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict({"checks": CHECKS}))


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_an_operation_does_what_its_description_says(
    caller: Caller, schema: Any, stack: Stack, method: str, path: str
) -> None:
    """CVE-2026-31949: a call that nobody foresaw ended the server."""
    gateway = stack.processes["gateway"].pid
    caller.renew()
    operation = Operation(caller, schema, method, path)
    valid = operation.cases(GenerationMode.POSITIVE)
    invalid = operation.cases(GenerationMode.NEGATIVE)
    for case in valid:
        operation.send(case)
    more = cycle(valid)
    for number, case in enumerate(invalid):
        operation.send(case)
        if number % 2:
            operation.send(next(more))
    accepted = sum(count for status, count in operation.statuses.items() if status < 400)
    assert accepted * 3 >= operation.statuses.total(), operation.statuses
    assert len(valid) > 0 < len(invalid)
    assert (stack.processes["gateway"].pid, stack.processes["gateway"].poll()) == (gateway, None)
