"""A user's fixtures: set up once for an evaluation, alive while its bodies run, torn down in pytest's order."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import OFFERED
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

TRACED = """
    import pathlib

    def log(text):
        with pathlib.Path("log").open("a") as stream:
            stream.write(text + "\\n")

    def traced(scope):
        def fixture():
            alive.add(scope)
            log(f"up {scope}")
            yield scope
            alive.discard(scope)
            log(f"down {scope}")
        return pytest.fixture(scope=scope, name=f"of_{scope}")(fixture)

    alive = set()
    SCOPES = ("session", "package", "module", "class", "function")
    of_session, of_package, of_module, of_class, of_function = map(traced, SCOPES)
"""


def logged(project: Project) -> list[str]:
    """What the project's code wrote down."""
    return (project.path / "log").read_text().splitlines()


def test_fixtures_of_every_scope_are_set_up_once_and_torn_down_in_order(project: Project) -> None:
    project.write("conftest.py", TRACED)
    project.module("""
        from conftest import SCOPES, alive

        @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(3)])
        async def test_it(model, case, of_session, of_package, of_module, of_class, of_function):
            assert await model.ask(case.id)
            assert alive == set(SCOPES)
            return 0.5
    """)
    assert project.run().ret == 0
    assert project.score() == 0.5
    scopes = ["session", "package", "module", "class", "function"]
    assert logged(project) == [f"up {scope}" for scope in scopes] + [f"down {scope}" for scope in reversed(scopes)]


def test_values_of_function_scope_are_each_evaluations_own(project: Project) -> None:
    project.module("""
        import itertools

        COUNT = itertools.count()
        LIVE = set()

        @pytest.fixture(scope="module")
        def shared():
            yield object()

        @pytest.fixture
        def own(shared):
            number = next(COUNT)
            LIVE.add(number)
            yield number
            LIVE.discard(number)

        @pytest.fixture
        def outer(own):
            yield own * 10

        SEEN = {}

        def look(name, shared, own, outer):
            assert outer == own * 10
            assert own in LIVE
            SEEN.setdefault(name, set()).add((id(shared), own))

        @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(5)])
        async def test_one(model, case, shared, own, outer):
            assert await model.ask(case.id)
            look("one", shared, own, outer)

        @pytest.mark.evaluation(cases=[{"id": f"c{i}"} for i in range(5)])
        def test_two(model, case, outer, own, shared):
            assert model.ask(case.id + "!")
            look("two", shared, own, outer)

        def test_seen():
            one, two = SEEN["one"], SEEN["two"]
            assert len(one) == len(two) == 1
            assert {key for key, _ in one} == {key for key, _ in two}
            assert one != two
            assert LIVE == set()
    """)
    assert project.run().ret == 0
    assert (project.score("test_one"), project.score("test_two")) == (1.0, 1.0)


def test_evaluations_share_a_window_with_fixtures_of_the_session_and_the_module(project: Project) -> None:
    project.module("""
        import asyncio

        MET = []

        @pytest.fixture(scope="session")
        def of_session():
            return 0.5

        @pytest.fixture(scope="module", autouse=True)
        def of_module(of_session):
            return of_session / 2

        @pytest.mark.parametrize("n", range(4))
        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        async def test_it(model, case, n, of_session, of_module):
            await model.ask("q")
            MET.append(n)
            for _ in range(10_000):
                if len(MET) == 4:
                    return of_session + of_module
                await asyncio.sleep(0)
    """)
    assert project.run().ret == 0
    assert [project.score(f"test_it[{n}]") for n in range(4)] == [0.75] * 4


def test_session_fixture_of_another_folder_is_that_folders_own(project: Project) -> None:
    for name in ("one", "two"):
        value = f"@pytest.fixture(scope='session')\ndef place(): return {name!r}\n"
        project.write(f"{name}/conftest.py", value)
        project.write(
            f"{name}/test_{name}.py",
            f"""
            @pytest.mark.evaluation(cases=[{{"id": "a"}}])
            def test_{name}(model, case, place):
                assert model.ask("q")
                return place == {name!r}
            """,
        )
    assert project.run().ret == 0
    assert (project.score("test_one"), project.score("test_two")) == (1.0, 1.0)


@pytest.mark.parametrize("mark", ["skip", "skipif(True, reason='later')"])
def test_what_a_mark_skips_is_not_sampled_with_the_others(project: Project, mark: str) -> None:
    project.module(f"""
        @pytest.mark.evaluation(cases=[{{"id": "a"}}])
        def test_it(model, case):
            assert model.ask("q")

        @pytest.mark.{mark}
        @pytest.mark.evaluation(cases=[{{"id": "a"}}])
        def test_later(model, case):
            assert model.ask("r")
    """)
    project.run().assert_outcomes(passed=1, skipped=1)
    assert project.verdicts() == {"test_it": "passed"}
    assert project.report()["usage"]["model_calls"] == 2


def test_what_is_sampled_in_its_place_is_told_with_the_cause(project: Project) -> None:
    project.module("""
        @pytest.fixture
        def own(): ...

        @pytest.fixture(scope="module", params=[1])
        def chosen(request): ...

        MARK = pytest.mark.evaluation(cases=[{"id": "a"}])

        @MARK
        def test_own(model, case, own): assert model.ask("q")

        @MARK
        def test_chosen(model, case, chosen): assert model.ask("q")

        @MARK
        def test_free(model, case): assert model.ask("q")
    """)
    line = "steelyard: 2 evaluations are sampled one after the other, each as its test is set up: chosen, own"
    result = project.run()
    assert result.ret == 0
    assert line in result.outlines


def test_class_fixture_ends_with_its_class(project: Project) -> None:
    project.write("conftest.py", TRACED)
    project.module("""
        from conftest import log

        class TestA:
            @pytest.mark.evaluation(cases=[{"id": "a"}])
            def test_a(self, model, case, of_class):
                assert model.ask("q")
            def test_plain(self, of_class): log("plain")

        class TestB:
            @pytest.mark.evaluation(cases=[{"id": "a"}])
            def test_b(self, model, case, of_class):
                assert model.ask("q")
    """)
    assert project.run().ret == 0
    lines = logged(project)
    assert sorted(lines) == ["down class", "down class", "plain", "up class", "up class"]
    assert lines.index("plain") < lines.index("down class")


def test_values_of_a_conftest_fixture_are_each_modules_own(project: Project) -> None:
    project.write(
        "conftest.py",
        """
        import pathlib

        def log(text):
            with pathlib.Path("log").open("a") as stream:
                stream.write(text + "\\n")

        @pytest.fixture(scope="module")
        def index(request):
            name = request.module.__name__
            log(f"up {name}")
            yield name
            log(f"down {name}")

        @pytest.fixture
        def view(index):
            yield index.upper()
            log(f"done {index}")
        """,
    )
    for name in ("test_a", "test_b", "test_c"):
        project.write(
            f"{name}.py",
            """
            def test_before(index):
                assert index == __name__

            @pytest.mark.parametrize("n", [1, 2])
            @pytest.mark.evaluation(cases=[{"id": "a"}])
            def test_it(model, case, index, view, n):
                assert model.ask("q")
                return (index, view) == (__name__, __name__.upper())

            @pytest.mark.evaluation(cases=[{"id": "a"}])
            def test_wide(model, case, index):
                assert model.ask("q")
                return index == __name__

            def test_after(index, view):
                assert (index, view) == (__name__, __name__.upper())
            """,
        )
    project.run().assert_outcomes(passed=15)
    assert {entry["candidate"]["value"] for entry in project.report()["evaluations"]} == {1.0}
    lines = logged(project)
    for name in ("test_a", "test_b", "test_c"):
        assert [line for line in lines if line.endswith(name)] == [f"up {name}", *[f"done {name}"] * 3, f"down {name}"]


def test_fixture_that_asks_for_fixtures_by_name_gives_each_evaluation_its_own(project: Project) -> None:
    project.module("""
        import itertools

        COUNT = itertools.count()

        @pytest.fixture
        def number():
            yield next(COUNT)

        @pytest.fixture
        def found(request):
            return request.getfixturevalue("number")

        @pytest.mark.parametrize("n", [0, 1, 2])
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case, found, n):
            model.ask("q")
            return found == n
    """)
    assert project.run().ret == 0
    assert all(project.score(f"test_it[{n}]") == 1.0 for n in (0, 1, 2))


def test_parametrized_module_fixture_is_set_up_once_for_each_value(project: Project) -> None:
    project.module("""
        import pathlib

        @pytest.fixture(scope="module", params=["x", "y"])
        def engine(request):
            with pathlib.Path("log").open("a") as log:
                log.write(f"up {request.param}\\n")
            yield request.param
            with pathlib.Path("log").open("a") as log:
                log.write(f"down {request.param}\\n")

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_one(model, case, engine):
            model.ask("q")
            return {"x": 0.25, "y": 0.5}[engine]

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_two(model, case, engine):
            model.ask("q")
            return {"x": 0.75, "y": 1.0}[engine]
    """)
    assert project.run().ret == 0
    assert logged(project) == ["up x", "down x", "up y", "down y"]
    assert {name: project.score(name) for name in project.verdicts()} == {
        "test_one[x]": 0.25,
        "test_two[x]": 0.75,
        "test_one[y]": 0.5,
        "test_two[y]": 1.0,
    }


def test_fixtures_that_change_what_all_share_run_alone(project: Project) -> None:
    project.module("""
        import asyncio, os

        ALIVE = set()

        async def alone(name, model):
            ALIVE.add(name)
            assert await model.ask(name)
            for _ in range(1000):  # turns of the loop in which another would begin
                await asyncio.sleep(0)
            together = set(ALIVE)
            ALIVE.discard(name)
            return together == {name}

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        async def test_patched(model, case, monkeypatch):
            monkeypatch.setenv("TONE", "kind")
            return await alone("patched", model) and os.environ["TONE"] == "kind"

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        async def test_free(model, case):
            return await alone("free", model) and "TONE" not in os.environ

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        async def test_captured(model, case, capsys):
            print("seen")
            return await alone("captured", model) and capsys.readouterr().out == "seen\\n"

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        async def test_logged(model, case, caplog):
            import logging
            logging.getLogger("x").warning("careful")
            return await alone("logged", model) and caplog.messages == ["careful"]
    """)
    assert project.run().ret == 0
    assert {name: project.score(name) for name in project.verdicts()} == {
        "test_patched": 1.0,
        "test_free": 1.0,
        "test_captured": 1.0,
        "test_logged": 1.0,
    }


def test_autouse_fixture_holds_while_bodies_run(project: Project) -> None:
    project.module("""
        STATE = {}

        @pytest.fixture(autouse=True)
        def prepared():
            STATE["ready"] = STATE.get("ready", 0) + 1
            yield
            STATE["ready"] -= 1

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_one(model, case):
            assert model.ask("q")
            assert STATE["ready"] > 0

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_two(model, case):
            assert model.ask("r")
            assert STATE["ready"] > 0
    """)
    assert project.run().ret == 0
    assert (project.score("test_one"), project.score("test_two")) == (1.0, 1.0)


@pytest.mark.parametrize("scope", ["function", "session"])
def test_setup_that_fails_is_an_error_verdict_and_leaves_the_others_alone(project: Project, scope: str) -> None:
    project.module(f"""
        @pytest.fixture(scope={scope!r})
        def broken():
            raise RuntimeError("no index")

        @pytest.mark.evaluation(cases=[{{"id": "a"}}])
        def test_sound(model, case):
            assert model.ask("q")

        @pytest.mark.evaluation(cases=[{{"id": "a"}}])
        def test_broken(model, case, broken):
            assert model.ask("q")
    """)
    result = project.run()
    assert result.ret == 1
    result.assert_outcomes(errors=1, passed=1)
    assert project.verdicts() == {"test_broken": "error", "test_sound": "passed"}
    result.stdout.fnmatch_lines(["*RuntimeError: no index*"])


def test_module_fixture_that_fails_fails_every_user_of_it(project: Project) -> None:
    project.module("""
        COUNT = []

        @pytest.fixture(scope="module")
        def broken():
            COUNT.append(1)
            raise RuntimeError("no index")

        @pytest.mark.parametrize("n", [1, 2])
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_broken(model, case, broken, n):
            assert model.ask("q")

        def test_count():
            assert len(COUNT) == 1
    """)
    project.run().assert_outcomes(errors=2, passed=1)
    assert set(project.verdicts().values()) == {"error"}


def test_teardown_that_fails_is_an_error_beside_the_verdict(project: Project) -> None:
    project.module("""
        @pytest.fixture
        def sticky():
            yield
            raise RuntimeError("will not go")

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case, sticky):
            assert model.ask("q")

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_next(model, case):
            assert model.ask("q")
    """)
    result = project.run()
    assert result.ret == 1
    result.assert_outcomes(passed=2, errors=1)
    assert project.verdicts() == {"test_it": "passed", "test_next": "passed"}


def test_request_in_a_body_runs_alone_and_gives_fixtures_by_name(project: Project) -> None:
    project.module("""
        @pytest.fixture
        def worth():
            return 0.5

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case, request):
            model.ask("q")
            return request.getfixturevalue("worth")
    """)
    assert project.run().ret == 0
    assert project.score() == 0.5


def test_pytest_finds_every_fixture_that_is_offered(project: Project) -> None:
    found = project.run("--fixtures").stdout.str()
    assert [name for name in OFFERED if f"\n{name} -- " not in found] == []
