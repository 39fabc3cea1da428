"""Whatever is defined is mounted, and whatever is mounted is public by name or refuses a visitor."""

import importlib
import inspect
import pkgutil
import re
from itertools import chain
from types import ModuleType

import pytest
from fastapi import APIRouter
from starlette.routing import Route

import chatbot.gateway.access
import chatbot.gateway.administration
import chatbot.gateway.middleware
import chatbot.gateway.routes
import chatbot.gateway.routes.account
import chatbot.gateway.serving
from chatbot.gateway.access.actions import ActionTable
from chatbot.gateway.application import ROUTERS
from chatbot.gateway.public import PUBLIC
from tests.house.routes import application, every_route


def modules(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]


def defined_middleware() -> dict[str, type]:
    found = {}
    for module in chain(*map(modules, (chatbot.gateway.middleware, chatbot.gateway.access, chatbot.gateway.serving))):
        for name, value in vars(module).items():
            own = inspect.isclass(value) and value.__module__ == module.__name__
            if own and {"scope", "receive", "send"} <= set(inspect.signature(value.__call__).parameters):
                found[name] = value
    return found


def test_every_middleware_that_is_defined_is_mounted_in_its_order() -> None:
    mounted = [middleware.cls for middleware in application().user_middleware]
    assert set(mounted) == set(defined_middleware().values())
    names = [middleware.__name__ for middleware in mounted]
    assert names == [
        "Http10Responses",
        "SecurityHeaders",
        "ErrorBoundary",
        "CapacityGuard",
        "HostGuard",
        "Arrival",
        "Recorder",
        "CrossSiteGuard",
        "AddressRates",
        "Gate",
        "PersonRates",
        "ClientCapacity",
        "SessionTokenGuard",
        "PermissionGuard",
        "BodyJudge",
        "StandingGuard",
    ]


def test_every_router_that_is_defined_is_mounted() -> None:
    defined = [
        value
        for module in [
            *modules(chatbot.gateway.routes),
            *modules(chatbot.gateway.routes.account),
            *modules(chatbot.gateway.administration),
        ]
        for value in vars(module).values()
        if isinstance(value, APIRouter)
    ]
    assert {id(router) for router in defined} == {id(router) for router in ROUTERS}, (
        "add the new router to ROUTERS in chatbot/gateway/application.py"
    )
    mounted = {(method, route.path) for route in every_route() for method in route.methods}
    for router in defined:
        for route in router.routes:
            assert isinstance(route, Route)
            assert {(method, route.path) for method in route.methods or ()} <= mounted


def test_every_public_entry_is_a_route_and_has_no_parameter() -> None:
    mounted = {(method, route.path) for route in every_route() for method in route.methods}
    assert mounted >= PUBLIC
    assert not [path for _, path in PUBLIC if "{" in path or path.endswith("/")]


def test_every_route_is_public_or_an_action_and_the_table_finds_the_router_s_own_template() -> None:
    table = ActionTable()
    (gate,) = [middleware for middleware in application().user_middleware if middleware.cls.__name__ == "Gate"]
    public = gate.kwargs["public"]
    routes = {(method, route.path) for route in every_route() for method in route.methods if method != "HEAD"}
    rows = {(method, template) for method, template, _ in table.rows()}
    unknown, gone = sorted(routes - public - rows), sorted(rows - routes)
    assert not unknown, "give the route an action in chatbot/gateway/access/actions.py"
    assert not gone, "chatbot/gateway/access/actions.py names it, and no router or page has it"
    for method, template, action in table.rows():
        path = re.sub(r"\{\w+\}", "42", template)
        assert table.find(method, path) == (template, action)
        assert table.find(method, path + "/").action is None


def test_the_gate_is_told_of_nothing_public_beyond_the_table_and_the_page_files() -> None:
    (gate,) = [middleware for middleware in application().user_middleware if middleware.cls.__name__ == "Gate"]
    beyond = gate.kwargs["public"] - PUBLIC
    assert beyond
    assert all(method == "GET" and path.startswith("/assets/") for method, path in beyond)
    assert not [path for _, path in beyond if path.endswith(".html")]


@pytest.mark.parametrize("name", ["docs_url", "redoc_url", "openapi_url"])
def test_no_documentation_is_served(name: str) -> None:
    assert getattr(application(), name) is None


def test_nothing_that_a_route_asks_for_is_run_in_a_thread() -> None:
    """A plain function would be: two changes of thread for every request, each of which waits for the interpreter."""
    plain, left = set(), [route.dependant for route in every_route() if hasattr(route, "dependant")]
    assert len(left) > 20
    while left:
        dependant = left.pop()
        left += dependant.dependencies
        if not (inspect.iscoroutinefunction(dependant.call) or inspect.isasyncgenfunction(dependant.call)):
            plain.add(dependant.call)
    assert not plain
