"""Evaluations with a marker of their own."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.plugin.projects import Project


def refused(project: Project, *arguments: str) -> str:
    """Run, and give the message of a usage error that came before a store was made or a model asked."""
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not project.store.exists()
    return str(result.stderr)


def marked(project: Project, keywords: str, body: str = "assert model.ask(case.prompt)", head: str = "") -> None:
    """A module whose only evaluation has these keywords; a body that asks nobody asks something first."""
    if "model." not in body:
        body = f"model.ask('q'){'; ' if body.startswith(('return', 'assert')) else chr(10) + '    '}{body}"
    project.module(f"{dedent(head)}\n@pytest.mark.evaluation({keywords})\ndef test_it(model, case):\n    {body}\n")
