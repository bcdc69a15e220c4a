"""What is relied on of pytest's private parts, one by one: a pytest that changes one fails here first."""

from __future__ import annotations

import ast
import io
import logging
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


def test_this_pytest_has_all_that_live_items_need(request: pytest.FixtureRequest) -> None:
    assert internals.missing_for_live_items(request.session) is None


def test_without_a_stack_of_nodes_it_is_said_to_be_missing(request: pytest.FixtureRequest) -> None:
    class Session:
        _setupstate = None

    assert internals.missing_for_live_items(Session()) == "SetupState.stack"  # type: ignore[arg-type]


def test_an_item_tells_its_arguments_and_the_definitions_of_all_fixtures(
    own: str, request: pytest.FixtureRequest
) -> None:
    assert internals.argument_names(request.node) == ("own", "request")
    definitions = internals.fixture_definitions(request.node)
    assert {"own", "of_the_module", "of_the_session"} <= set(definitions)
    assert [definition.argnames for definition in definitions["own"]] == [("of_the_module", "of_the_session")]


def test_a_definition_in_use_has_its_value_its_finalizers_and_a_node_that_it_lives_for(
    own: str, request: pytest.FixtureRequest
) -> None:
    found = {each.argname: each for each in internals.definitions_in_use(request.node)}
    used = [found[name] for name in ("own", "of_the_module", "of_the_session")]
    assert [each.cached_result[0] for each in used if each.cached_result] == ["own", "module", "session"]
    assert all(isinstance(internals.finalizers(each), list) and internals.finalizers(each) for each in used)
    nodes = [internals.scope_node(request.node, each) for each in used]
    assert nodes == [request.node, request.node.getparent(pytest.Module), request.session]


def test_a_session_sets_its_items_up_in_the_state_that_it_is_given(pytester: pytest.Pytester) -> None:
    asked: list[str] = []

    class Listening(internals.SetupState):
        def setup(self, item: pytest.Item) -> None:
            asked.append(item.name)
            super().setup(item)

        def teardown_exact(self, nextitem: pytest.Item | None) -> None:
            asked.extend(node.name for node in self.stack if isinstance(node, pytest.Item))
            super().teardown_exact(nextitem)

    item = pytester.getitem("def test_it(): pass", "test_it")
    internals.replace_setup_state(item.session, Listening())
    for phase in ("setup", "call"):
        assert internals.call_and_report(item, phase, log=False).passed  # type: ignore[arg-type]
    assert internals.call_and_report(item, "teardown", log=False, nextitem=None).passed
    assert asked == ["test_it", "test_it"]


def test_a_reporter_tells_its_file_its_width_and_its_colours(pytester: pytest.Pytester) -> None:
    file = io.StringIO()
    found = internals.terminal_of(pytest.TerminalReporter(pytester.parseconfig("--color=yes"), file))
    assert (found.file, found.encoding, found.has_markup) == (file, "utf-8", True)
    assert found.width >= 20
    assert not internals.terminal_of(pytest.TerminalReporter(pytester.parseconfig("--color=no"), file)).has_markup


def test_a_line_stands_for_the_place_of_an_interruption(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest
        from harness.plugin.pytest_internals import replace_place_of_interruption

        @pytest.hookimpl(trylast=True)
        def pytest_keyboard_interrupt(excinfo):
            (reporter,) = REPORTER
            replace_place_of_interruption(reporter, "all is kept")

        REPORTER = []

        def pytest_sessionstart(session):
            REPORTER.append(session.config.pluginmanager.get_plugin("terminalreporter"))
    """)
    pytester.makepyfile("def test_it(): raise KeyboardInterrupt")
    result = pytester.runpytest_inprocess(no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "all is kept" in result.outlines
    assert str(result.stdout).count("KeyboardInterrupt !!") == str(result.stdout).count("all is kept") == 1
    result.stdout.no_fnmatch_line("*test_a_line_stands*.py:1: KeyboardInterrupt")


def test_logs_are_kept_for_the_call_of_an_item(pytester: pytest.Pytester) -> None:
    """Between setup and teardown, as evaluations that are set up side by side have it."""
    item = pytester.getitem("def test_it(): pass", "test_it")
    assert internals.call_and_report(item, "setup", log=False).passed
    kept = internals.capture_logs(item.config.pluginmanager, item)
    assert kept is not None
    with kept:
        logging.getLogger("of_a_body").warning("said while it ran")
    assert internals.call_and_report(item, "teardown", log=False, nextitem=None).passed
    ((when, kind, text),) = [section for section in item._report_sections if section[0] == "call"]
    assert (when, kind) == ("call", "log")
    assert "said while it ran" in text


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
