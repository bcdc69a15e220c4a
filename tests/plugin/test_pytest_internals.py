"""What is relied on of pytest's private parts, one by one: a pytest that changes one fails here first."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.assertion import AssertionState
from _pytest.assertion.rewrite import AssertionRewritingHook

from harness.plugin import pytest_internals as internals

pytestmark = pytest.mark.nightly

PLUGIN = Path(internals.__file__).parent
OF_OTHER_PLUGINS = {"_down", "_get_item_settings", "_split_scope"}
"""Of pytest-xdist's nodes and schedulers and of pytest-timeout: used where those plugins are."""


def _private_parts(module: Path) -> Iterator[str]:
    """Private modules, attributes and getattr names that a module uses and that are not its own."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            names = [node.attr]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            names = [str(getattr(node.args[1], "value", ""))]
        else:
            continue
        for name in names:
            if any(part.startswith("_") and not part.endswith("__") for part in name.split(".")):
                yield name


def test_no_other_module_of_the_plugin_touches_a_private_part_of_pytest() -> None:
    modules = [path for path in PLUGIN.rglob("*.py") if path != Path(internals.__file__)]
    found = {path.name: set(_private_parts(path)) - OF_OTHER_PLUGINS for path in modules}
    assert {name: parts for name, parts in found.items() if parts} == {}


@pytest.fixture(autouse=True)
def _settings(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = -p no:deepeval\nasyncio_default_fixture_loop_scope = function\n")


@pytest.fixture(scope="module")
def of_the_module() -> str:
    return "module"


@pytest.fixture(scope="session")
def of_the_session() -> str:
    return "session"


@pytest.fixture
def own(of_the_module: str, of_the_session: str) -> str:
    return "own"


def test_an_item_tells_its_arguments_and_the_definitions_of_all_fixtures(
    own: str, request: pytest.FixtureRequest
) -> None:
    assert internals.argument_names(request.node) == ("own", "request")
    definitions = internals.fixture_definitions(request.node)
    assert {"own", "of_the_module", "of_the_session"} <= set(definitions)
    assert [definition.argnames for definition in definitions["own"]] == [("of_the_module", "of_the_session")]


def test_a_live_item_gets_the_value_of_a_wider_fixture_that_it_does_not_take(request: pytest.FixtureRequest) -> None:
    definitions = request.session._fixturemanager.getfixturedefs("of_the_session", request.node)
    assert definitions is not None
    assert internals.fixture_value(request.node, "of_the_session", definitions) == "session"
    with pytest.raises(LookupError):
        internals.fixture_value(request.node, "of_the_session", definitions[1:])


@pytest.mark.parametrize(
    ("mark", "skips"),
    [("skip", True), ("skipif(True, reason='x')", True), ("skipif(False, reason='x')", False), ("skipif(True)", True),
     ("skipif('nonsense here')", True), ("xfail", False)],
)  # fmt: skip
def test_an_item_is_skipped_by_its_marks(pytester: pytest.Pytester, mark: str, skips: bool) -> None:
    item = pytester.getitem(f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass", "test_it")
    assert internals.is_skipped(item) is skips


def test_a_session_tells_the_file_of_its_reporter(pytester: pytest.Pytester) -> None:
    config, file = pytester.parseconfig(), io.StringIO()
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(pytest.TerminalReporter(config, file), "terminalreporter")
    assert internals.terminal_file(config) is file


def test_comparisons_are_explained_but_not_inside() -> None:
    def message() -> str:
        try:
            assert [1, 2] == [1, 3]
        except AssertionError as error:
            return str(error)
        raise NotImplementedError

    with internals.no_assertion_diffs():
        inside = message()
    assert "At index 1 diff" in message()
    assert "assert [1, 2] == [1, 3]" in inside
    assert "diff" not in inside


def test_a_package_that_is_left_as_written_is_no_longer_marked(request: pytest.FixtureRequest) -> None:
    plugins, hook = pytest.PytestPluginManager(), AssertionRewritingHook(request.config)
    plugins.rewrite_hook = hook
    hook.mark_rewrite("first_package", "second_package")
    state = AssertionState(request.config, "rewrite")
    assert hook._is_marked_for_rewrite("first_package.inside", state)
    internals.leave_as_written(plugins, {"first_package"})
    assert not hook._is_marked_for_rewrite("first_package.inside", state)
    assert hook._is_marked_for_rewrite("second_package.inside", state)
