"""Rules on Python that runs outside of tests: data never becomes code, a statement, a log line or a decision."""

import ast
import re
from collections.abc import Iterator

from proof.rules.rule import Rule, Source, is_product

_DECODERS = {"pickle", "cPickle", "dill", "shelve", "marshal", "yaml", "jsonpickle", "joblib", "cloudpickle"}
_EVALUATORS = {"eval", "exec", "compile", "__import__"}
_STATEMENT = re.compile(
    r"^[\s(]*(select|insert|update|delete|merge|copy|alter|create|drop|grant|set|with|truncate)\b", re.IGNORECASE
)
_RUNNERS = {
    "text",
    "execute",
    "executemany",
    "exec_driver_sql",
    "fetch",
    "fetchrow",
    "fetchval",
    "scalar",
    "scalars",
    "SQL",
    "literal_column",
}
_TEXTS = {
    "text",
    "literal_column",
    "exec_driver_sql",
    "SQL",
}  # what takes a statement as it is: written down, or a constant
_VERIFYING = re.compile(r"^(verify|verify_\w+|check_hostname|validate_\w+|ssl|strict)$")
_UNVERIFIED = {"CERT_NONE", "_create_unverified_context", "disable_warnings"}
_SECRET = re.compile(r"(^|_)(token|secret|password|signature|mac|hmac|csrf|api_key|digest|verifier|challenge)$")
_SHELLS = {"system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"}
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
_ADDRESS = {"url", "base_url", "url_for"}
_ADDRESS_HEADERS = ("host", "forwarded", "x-forwarded-", "x-real-ip", "x-original-")
_SETTINGS_READERS = ("chatbot/config", "chatbot/operations", "development", "proof")


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _key(node: ast.AST) -> str:
    """Return the constant key of a subscript."""
    key = node.slice if isinstance(node, ast.Subscript) else None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


def _calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def _parts(node: ast.AST) -> list[ast.AST]:
    """Return the pieces of a text that is put together when the program runs; none for one written down."""
    if isinstance(node, ast.JoinedStr) and any(isinstance(value, ast.FormattedValue) for value in node.values):
        return list(node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        return [*(_parts(node.left) or [node.left]), node.right]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
        # psycopg's sql.SQL(…).format(…) quotes what it takes in
        return [] if isinstance(node.func.value, ast.Call) else [node.func.value]
    return []


def find_decoding(source: Source) -> Iterator[int]:
    """Yield where data could become code: pickle and its kin, eval, kombu's decoding by the message's own word."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import) and any(alias.name.split(".")[0] in _DECODERS for alias in node.names):
            yield node.lineno
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = {alias.name for alias in node.names}
            forced = (module, "loads" in names) == ("kombu.serialization", True) or (
                module,
                "serialization" in names,
            ) == ("kombu", True)
            if module.split(".")[0] in _DECODERS or forced:
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _EVALUATORS:
            yield node.lineno


def find_built_statements(source: Source) -> Iterator[int]:
    """Yield where SQL is put together from text, and where such a text is handed to the database."""
    for node in ast.walk(source.tree):
        first = next(iter(_parts(node)), None)
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and _STATEMENT.match(first.value):
            yield node.lineno  # type: ignore[attr-defined]  # every node with parts is an expression
    for call in _calls(source):
        if _name(call.func) in _RUNNERS and call.args and _parts(call.args[0]):
            yield call.lineno
        written = call.args and isinstance(call.args[0], ast.Constant)
        named = call.args and isinstance(call.args[0], ast.Name) and call.args[0].id.isupper()
        if _name(call.func) in _TEXTS and call.args and not written and not named:
            yield call.lineno


def find_unverified(source: Source) -> Iterator[int]:
    """Yield where a certificate, host name or signature is not checked."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword | ast.Assign):
            names = [node.arg or ""] if isinstance(node, ast.keyword) else [_name(target) for target in node.targets]
            off = isinstance(node.value, ast.Constant) and node.value.value in (False, 0)
            if off and any(_VERIFYING.match(name) for name in names):
                yield node.value.lineno
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                named = isinstance(key, ast.Constant) and isinstance(key.value, str) and _VERIFYING.match(key.value)
                if named and isinstance(value, ast.Constant) and value.value is False:
                    yield value.lineno
        elif isinstance(node, ast.Attribute | ast.Name) and _name(node) in _UNVERIFIED:
            yield node.lineno
        if isinstance(node, ast.keyword) and node.arg == "algorithms":  # RFC 7518 has one that is called none
            found = [leaf for leaf in ast.walk(node.value) if isinstance(leaf, ast.Constant)]
            yield from (leaf.lineno for leaf in found if str(leaf.value).lower() == "none")


def find_request_url(source: Source) -> Iterator[int]:
    """Yield where the request's own idea of its address is read: it comes from headers that anybody can set."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in _ADDRESS and _name(node.value) in ("request", "req"):
            yield node.lineno
        wanted: ast.AST | None = None
        if isinstance(node, ast.Subscript) and _name(node.value) == "headers":
            wanted = node.slice
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "getlist")
        ):
            wanted = node.args[0] if node.args and _name(node.func.value) == "headers" else None
        if isinstance(wanted, ast.Constant) and str(wanted.value).lower().startswith(_ADDRESS_HEADERS):
            yield wanted.lineno


def find_compared_secrets(source: Source) -> Iterator[int]:
    """Yield where a secret is compared with == or !=, whose time tells how much of it was right."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Compare) and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops):
            sides = [node.left, *node.comparators]
            named = any(_SECRET.search(_name(side) or _key(side)) for side in sides)
            constant = any(isinstance(side, ast.Constant) for side in sides)
            if named and not constant:
                yield node.lineno


def find_shells(source: Source) -> Iterator[int]:
    """Yield where a shell reads a command."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "subprocess", "asyncio"):
            yield from (node.lineno for alias in node.names if alias.name in _SHELLS)
    for call in _calls(source):
        through = any(
            word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False)
            for word in call.keywords
        )
        module = _name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        if through or (_name(call.func) in _SHELLS and module in ("os", "subprocess", "asyncio")):
            yield call.lineno


def find_built_log_lines(source: Source) -> Iterator[int]:
    """Yield where a value is written into a log's text instead of a field of its own."""
    for call in _calls(source):
        logger = isinstance(call.func, ast.Attribute) and _name(call.func.value) in (
            "_log",
            "log",
            "logger",
            "_logger",
            "logging",
        )
        fixed = len(call.args) == 1 and isinstance(call.args[0], ast.Constant)
        if logger and _name(call.func) in _LEVELS and not fixed:
            yield call.lineno


def find_environment(source: Source) -> Iterator[int]:
    """Yield where the environment is read."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv") and _name(node.value) == "os":
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in ("environ", "getenv"))


RULES = (
    Rule(
        "data-as-code",
        "data must never become code: use JSON",
        is_product,
        find_decoding,
        ("import pickle", "from yaml import load", "eval('1')", "import dill.x", "exec(x)", "__import__(name)",
         "from kombu.serialization import loads", "from kombu import serialization"),
        ("import json", "from kombu.serialization import dumps", "compile_rules(x)"),
    ),
    Rule(
        "built-sql",
        "SQL is written down whole, its values are bound: use parameters, or psycopg.sql for identifiers",
        is_product,
        find_built_statements,
        ('f"SELECT * FROM t WHERE id = {x}"', '"select %s" % x', '"DELETE FROM t WHERE id=" + x', '"insert {}".format(x)',
         'text(f"{start} FROM t")', "c.execute(head + tail)", 'c.execute("x" % y)', 'c.fetchrow(f"{x}")', 'sql.SQL(f"{x}")', "text(statement)", "literal_column(name)", 'f"(SELECT {x})"', 'f"MERGE INTO {x}"'),
        ('"SELECT 1"', 'f"{x} SELECT"', '"a" + "b"', 'sql.SQL("ALTER ROLE {}").format(x)', 'c.execute("SELECT %s", (x,))',
         "c.execute(_STATEMENT, x)", "text(_CONTEXT)", 'text("SELECT true")', "element.text()"),
    ),
    Rule(
        "unverified",
        "certificates, host names and signatures are always verified",
        is_product,
        find_unverified,
        ("get(url, verify=False)", "context.check_hostname = False", "context.verify_mode = ssl.CERT_NONE",
         "ssl._create_unverified_context()", 'decode(t, options={"verify_signature": False})', 'decode(t, algorithms=["none"])',
         "Client(verify_ssl=0)", "urllib3.disable_warnings()"),
        ("get(url, verify=True)", "get(url)", "b64decode(x, validate=True)", 'zip(a, b, strict=True)'),
    ),
    Rule(
        "request-url",
        "decisions never rest on request.url or on headers that name an address: use scope['path'] or the settings",
        lambda source: is_product(source) and source.is_below("chatbot"),
        find_request_url,
        ("if request.url.path == '/x': pass", "x = request.base_url", "request.url_for('x')", "self.request.url.hostname", "req.base_url",
         "request.headers['host']", "request.headers.get('X-Forwarded-For')"),
        ("request.scope['path']", "settings.public_url", "response.url", "request.headers['accept']"),
    ),
    Rule(
        "secret-equality",
        "secrets are compared in constant time: use hmac.compare_digest",
        is_product,
        find_compared_secrets,
        ("if token == given: pass", "ok = self.csrf != x", "signature == row.mac", "x == user.password", "claims['signature'] == s", "api_key == x", "row.digest == x", "query['code_challenge'] != x"),
        ("hmac.compare_digest(token, given)", "if token is None: pass", "kind == 'token'", "token_count == x"),
    ),
    Rule(
        "shell",
        "no shell reads a command: pass a list of arguments",
        is_product,
        find_shells,
        ("subprocess.run(x, shell=True)", "os.system(x)", "os.popen(x)", "subprocess.run(x, shell=y)", "from os import system"),
        ("subprocess.run([x])", "subprocess.run([x], shell=False)"),
    ),
    Rule(
        "built-log-line",
        "a log line's text is fixed, its values are fields (extra=): nobody can forge a line",
        lambda source: is_product(source) and source.is_below("chatbot"),
        find_built_log_lines,
        ('_log.info(f"user {x}")', '_log.warning("user %s", x)', '_log.error("a" + x)', 'logging.info("{}".format(x))', "_log.info(message)",
         '_logger.info(f"{x}")', '_log.info(msg=f"{x}")'),
        ('_log.info("user", extra={"name": x})', "_log.error('fault', exc_info=error)"),
    ),
    Rule(
        "environment",
        "settings come typed and frozen from chatbot/config: read the environment nowhere else",
        lambda source: is_product(source) and not source.is_below(*_SETTINGS_READERS),
        find_environment,
        ("os.environ['X']", "os.getenv('X')", "x = os.environ.get('X')", "from os import environ"),
        ("settings.gateway.port",),
    ),
)  # fmt: skip
