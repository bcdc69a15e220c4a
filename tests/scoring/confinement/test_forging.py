"""A program can't reach what scores it: whatever it does, its tests judge plain values that crossed a pipe."""

from __future__ import annotations

import textwrap

import pytest

from harness.errors import CheckError
from harness.scoring.confinement import ConfinedRun, ProgramLimits

pytestmark = pytest.mark.service

SECRET = "S3CRET-4711"
#: The same words in the program must not be taken for the tests' own.
PATTERN = r"S3[C]RET-\d+"
TESTS = f"secret = {SECRET!r}\nassert found() == secret"
EVERYWHERE = "for fd in range(3, 64):\n    try: os.write(fd, LINE)\n    except OSError: pass\n"
IN_A_CALL = f"def found():\n{textwrap.indent(EVERYWHERE, '    ')}"


def ending(code: str, tests: str, **limits) -> str | None:
    return ConfinedRun(code, tests, ProgramLimits(**limits)).run()


def test_a_program_that_knows_the_answer_passes() -> None:
    assert ending(f"def found(): return {SECRET!r}", TESTS) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        pytest.param(
            "import re, sys\ndef found():\n    frame, seen = sys._getframe(), ''\n    while frame:\n"
            "        seen += repr(frame.f_locals) + repr(frame.f_globals); frame = frame.f_back\n"
            f"    return (re.findall(r'{PATTERN}', seen) or [None])[0]",
            "AssertionError (line 2 of the tests",
            id="f_back",
        ),
        pytest.param(
            "import gc, re\ndef found():\n    seen = ''\n    for each in gc.get_objects():\n"
            "        if type(each) in (dict, list, tuple): seen += repr(each)\n"
            f"    return (re.findall(r'{PATTERN}', seen) or [None])[0]",
            "AssertionError (line 2 of the tests",
            id="gc.get_objects",
        ),
        pytest.param(
            "class Anything:\n    def __eq__(self, other): return True\ndef found(): return Anything()",
            "found() gave Anything, which is no plain data",
            id="an object that equals everything",
        ),
        pytest.param(
            "class Anything(str):\n    def __eq__(self, other): return True\n    __hash__ = str.__hash__\n"
            "def found(): return Anything('x')",
            "AssertionError (line 2 of the tests",
            id="a text that equals everything",
        ),
        pytest.param("import sys; sys.exit(0)", "sys.exit(0) before the end", id="sys.exit"),
        pytest.param("import sys\ndef found(): sys.exit(0)", "sys.exit(0) before the end", id="sys.exit in a call"),
        pytest.param("import os; os._exit(0)", "ended with exit code 0 before it was done", id="os._exit"),
        pytest.param(
            "import atexit, os\natexit.register(os._exit, 0)\ndef found(): raise SystemExit(0)",
            "sys.exit(0) before the end",
            id="atexit",
        ),
        pytest.param(
            f"import os\nLINE = b'.null\\n'\n{EVERYWHERE}os._exit(0)",
            "it answered with what is no answer",
            id="writes how its tests ended to the pipe",
        ),
        pytest.param(
            f"import os\nLINE = b'{{\"value\": true}}\\n'\n{EVERYWHERE}def found(): os._exit(0)",
            "it answered with what is no answer",
            id="writes an answer to the pipe before it offers anything",
        ),
        pytest.param(
            f"import os\nLINE = b'{{\"value\": true}}\\n' * 9\n{IN_A_CALL}",
            "AssertionError (line 2 of the tests",
            id="writes answers to the pipe",
        ),
        pytest.param(
            "for line in ('.null', 'null', '{\"error\": null}', '{\"value\": true}'): print(line, flush=True)\n"
            "def found(): print('.null', flush=True)",
            "AssertionError (line 2 of the tests",
            id="prints how its tests ended",
        ),
        pytest.param(
            "import builtins\nbuiltins.AssertionError = ValueError\nbuiltins.compile = builtins.exec = None\n"
            "def found(): return 0",
            "AssertionError (line 2 of the tests",
            id="patches Python",
        ),
    ],
)
def test_no_program_makes_its_tests_pass(code: str, reason: str) -> None:
    assert str(ending(code, TESTS)).startswith(reason)


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("def abs(number): return 0\ndef f(): return 7", "assert abs(f() - 4) < 1"),
        ("len = all = sorted = lambda *_: 3\ndef f(): return [1]", "assert len(f()) == 3"),
        ("def f(number): raise StopIteration", "assert all(map(f, [1, 2]))"),
        ("def f(values): values.clear(); return []", "given = [2, 1]\nassert f(given) == sorted(given)"),
        ("def f(): import os; os._exit(0)", "try: f()\nexcept BaseException: pass"),
        ("class isclose: pass\nimport cmath as math\ndef f(): return 1", "import math\nassert math.isclose(f(), 2)"),
        ("def f(): return float('nan')", "assert f() == 1"),
        ("def exit(code): pass\nquit = exit\ndef f(): return 1", "if f() != 2: exit(1)"),
        ("def quit(): pass\ndef f(): return 1", "if f() != 2: quit()"),
        ("stdout = 'no'\nprint('yes')", "assert stdout == 'no'"),
    ],
)
def test_what_python_and_the_tests_name_is_not_the_programs(code: str, tests: str) -> None:
    assert isinstance(ending(code, tests), str)


@pytest.mark.parametrize(
    "line",
    [
        "b'[' * 60_000 + b'\\n'",
        "b'\\xff\\xfe\\n'",
        "b'9' * 10_000 + b'\\n'",
        "b'null\\n'",
        'b\'{"value": {"set": [[1]]}}\\n\'',
        'b\'{"value": {"code": 1}}\\n\'',
        'b\'{"value": {"dict": [[[], 1]]}}\\n\'',
        'b\'{"raised": "SystemExit", "arguments": []}\\n\'',
        'b\'{"raised": "eval", "arguments": ["1"]}\\n\'',
        'b\'{"raised": "StopIteration", "arguments": []}\\n\'',
        'b\'{"error": {"a": 1}}\\n\'',
        "b'{\"error\": null}\\n'",
    ],
)
def test_whatever_comes_on_the_way_of_its_answers_is_no_success_and_no_error(line: str) -> None:
    code = f"import os\nLINE = {line}\n{IN_A_CALL}"
    assert isinstance(ending(code, "all(found() for _ in range(3))\nassert False"), str)
    assert isinstance(ending(code, "for _ in iter(found, None): pass"), str)


def test_what_a_program_forges_to_offer_is_not_the_builtins_of_its_tests() -> None:
    offered = {
        "functions": ["__import__", "len"],
        "values": [["__builtins__", {"dict": []}]],
        "modules": [],
        "stdout": "",
    }
    code = f"import json, os\nLINE = json.dumps({offered!r}).encode() + b'\\n'\n{EVERYWHERE}"
    assert ending(code, "import math\nassert len('ab') == 2") is None


def test_plain_data_crosses_as_it_is() -> None:
    code = """
import collections, enum, math
class Colour(str, enum.Enum): RED = "red"
def same(*values, **named): return values, named
def some(): return collections.Counter("aab"), Colour.RED, range(2), (n for n in "ab"), bytearray(b"x")
LIMIT = {1: (2,)}
def fails(kind): raise {"key": KeyError("a"), "own": type("Own", (ValueError,), {})("b")}[kind]
print("hello")
"""
    tests = """
values = None, True, 10**5000, 0.1, float("-inf"), "a\\ud800", b"\\x00"
values += [1], (1, (2,)), {1}, frozenset((1,)), 1j, {(1,): [2]}
assert same(*values, name={2}) == (values, {"name": {2}})
assert [type(value) for value in same(*values)[0]] == [type(value) for value in values]
assert some() == ({"a": 2, "b": 1}, "red", [0, 1], ["a", "b"], b"x")
assert type(some()[1]) is str and LIMIT == program.LIMIT == {1: (2,)} and math.pi > 3 and stdout == "hello\\n"
for kind, expected in (("key", KeyError), ("own", ValueError)):
    try: fails(kind)
    except expected as error: assert type(error) is expected and error.args[0] in "ab"
    else: assert False
"""
    assert ending(code, tests) is None


def test_what_tests_give_a_function_must_be_plain() -> None:
    for tests in ("f(len)", "try: f(len)\nexcept BaseException: pass"):
        with pytest.raises(
            CheckError, match=r"the tests call f\(\) with builtin_function_or_method, which is no plain"
        ):
            ending("def f(x): return 1", tests)
