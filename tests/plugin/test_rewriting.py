"""pytest rewrites no module of Steelyard that is loaded for a gate, and still every one of the user's."""

from __future__ import annotations

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service


def test_modules_of_the_plugin_are_loaded_as_they_are_written(project: Project) -> None:
    project.module("""
        import sys
        from _pytest.assertion.rewrite import AssertionRewritingHook

        def rewritten():
            return [name for name, module in sys.modules.items()
                    if isinstance(getattr(module, "__loader__", None), AssertionRewritingHook)]

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=1)
        def test_it(model, case):
            names = [name for name in rewritten() if name.startswith("harness")]
            assert "harness.gate.runs.run" in sys.modules
            # Those that are loaded with the plugin itself, before it can say anything.
            first = ("harness.plugin", "harness.errors", "harness.stages")
            assert not [name for name in names if name != "harness" and not name.startswith(first)], names
            assert "test_it" in rewritten()
            model.ask(case.id)
    """)
    result = project.run_anew()
    assert result.ret == 0


def test_without_rewriting_nothing_is_asked_of_it(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'")
    assert project.run_anew("--assert=plain").ret == 0
