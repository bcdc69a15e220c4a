"""Mistakes, each of which a checker of types has to find in its own line."""

from harness import Case, Judge, Model, Score, checks, compare


async def test_forgotten_await(model: Model, case: Case) -> bool:
    return model.ask(case.prompt).strip() == case.expected  # wrong


async def test_result_thrown_away(model: Model) -> None:
    model.ask("Hello")  # wrong


def test_awaited_type_in_a_def_body(model: Model, case: Case) -> Score:
    return checks.contains(model.ask(case.prompt), case.expected)  # wrong


def test_check_that_is_awaited() -> Score:
    return checks.runs("print(1)")  # wrong


def test_check_that_is_not_there() -> Score:
    return checks.contain("a", "b")  # wrong


async def test_wrong_argument(judge: Judge) -> Score:
    return await judge.rate("answer", rubrik="evals/rubric.md")  # wrong


def script_with_a_wrong_keyword() -> bool:
    return compare([1.0], [1.0], margn=0.1).low > 0  # wrong
