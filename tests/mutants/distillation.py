"""The stage `distillation`: students of which data, settings or weights have one fault, weighed by suites/distillation,
and code that teaches wrongly, held to the invariants of training on tiny models.

A fault of the code turns the test red whose name says what must hold, for a student alone does not tell all of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.mutants import students
from tests.mutants.gates import ROOT, patched
from tests.mutants.mutant import Mutant, Outcome, Patch, Weighed

_TRAINING = "harness/stages/training"
SEQUENCES = f"{_TRAINING}/sequences.py"
STUDENTS = f"{_TRAINING}/students.py"
ANSWERS = "harness/stages/distillation/answers.py"
MODULES = (
    "tests/stages/training/test_soft_targets.py",
    "tests/stages/training/test_sequences.py",
    "tests/stages/training/test_students.py",
    "tests/stages/training/test_vocabularies.py",
    "tests/stages/distillation/test_answers.py",
)
CODE = (
    Mutant(
        "kl-turned-round",
        "the divergence is of the teacher from the student",
        "test_it_is_of_the_teacher_and_not_of_the_student",
        patch=Patch(STUDENTS, "(logprobs.exp() * (logprobs - student))", "(student.exp() * (student - logprobs))"),
    ),
    Mutant(
        "t-squared-lost",
        "the soft loss is not scaled back",
        "test_its_gradient_does_not_shrink_with_the_temperature",
        patch=Patch(STUDENTS, "return temperature**2 * torch", "return torch"),
    ),
    Mutant(
        "t-of-one-side",
        "the student's distribution is at temperature 1",
        "test_with_every_token_it_is_t_squared_times_the_divergence",
        patch=Patch(STUDENTS, "scaled = student_logits.float() / temperature", "scaled = student_logits.float()"),
    ),
    Mutant(
        "logits-not-shifted",
        "a place foretells itself",
        "test_logits_foretell_the_next_token_and_ignored_places_carry_no_loss",
        patch=Patch(STUDENTS, "logits = student_logits[:, :-1][counts]", "logits = student_logits[:, 1:][counts]"),
    ),
    Mutant(
        "targets-not-shifted",
        "the teacher is asked of the place after",
        "test_logits_foretell_the_next_token_and_ignored_places_carry_no_loss",
        patch=Patch(
            STUDENTS, "ids[:, :-1][counts], logprobs[:, :-1][counts]", "ids[:, 1:][counts], logprobs[:, 1:][counts]"
        ),
    ),
    Mutant(
        "weights-exchanged",
        "hard and soft loss change places",
        "test_logits_foretell_the_next_token_and_ignored_places_carry_no_loss",
        patch=Patch(
            STUDENTS,
            "hard_weight * hard + (1 - hard_weight) * soft",
            "hard_weight * soft + (1 - hard_weight) * hard",
        ),
    ),
    Mutant(
        "rest-forgotten",
        "tokens beyond the teacher's likeliest count for nothing",
        "test_with_some_tokens_it_is_a_lower_bound",
        patch=Patch(STUDENTS, "divergence = divergence + theirs.exp()", "divergence = divergence - theirs.exp()"),
    ),
    Mutant(
        "prompt-unmasked",
        "the tokens of a prompt carry loss",
        "test_the_tokens_of_a_prompt_carry_no_loss",
        patch=Patch(SEQUENCES, "labels = [IGNORED] * len(whole)", "labels = list(whole)"),
    ),
    Mutant(
        "teacher-unigram",
        "the teacher says the same at every place",
        "test_a_student_comes_nearer_to_its_teacher",
        patch=Patch(
            STUDENTS,
            "read = [cache.read(item.tokens)[:2] for item in items]",
            "read = [tuple(each[:1].repeat(len(each), 0) for each in cache.read(item.tokens)[:2]) for item in items]",
        ),
    ),
    Mutant(
        "teacher-shuffled",
        "what the teacher says is of another place",
        "test_what_is_said_at_other_places_brings_a_student_less_near",
        patch=Patch(STUDENTS, "if settings.shuffled:\n            read", "if True:\n            read"),
    ),
    Mutant(
        "vocabulary-by-size",
        "vocabularies of equal size pass",
        "test_a_permuted_vocabulary_of_equal_size_is_refused",
        patch=Patch(SEQUENCES, "different = next(other_tokens(theirs, ours), None)", "different = None"),
    ),
    Mutant(
        "template-unread",
        "any template passes",
        "test_another_template_is_refused",
        patch=Patch(SEQUENCES, "if template_of(theirs) != template_of(ours):", "if False:"),
    ),
    Mutant(
        "answers-cut",
        "answers are as long as the teacher's own sampling lets them",
        "test_an_answer_is_no_longer_than_a_sequence_and_as_warm_as_the_settings_say",
        patch=Patch(
            "harness/stages/distillation/answers.py",
            'return {"max_tokens": distilled.length - n_tokens, **heat}',
            "return heat",
        ),
    ),
)

MUTANTS = (*students.MUTANTS, *CODE)

NOTES = """Students of a tiny teacher are weighed by suites/distillation without a baseline, for it has thresholds of
its own; the twenty without a fault are weighed against themselves. The faults after them are in the code that teaches,
and what turns red is the test of training, on tiny models, whose name says what must hold. Each seed gives another
teacher and another student."""

new_project, try_same = students.new_project, students.try_same


def try_mutant(folder: Path, mutant: Mutant) -> Outcome:
    """Weigh a student with a fault, or hold code with one to the invariants."""
    if mutant.patch is None:
        return students.try_mutant(folder, mutant)
    out = folder / mutant.name
    code = patched(mutant.patch, out)
    # pytest puts the folder of the tests before all others, so they stand beside the code that they are to try.
    shutil.copytree(ROOT / "tests", code / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copyfile(ROOT / name, code / name)
    weighed = _held(code, mutant.red)
    shutil.rmtree(out)
    return Outcome(mutant, weighed)


def try_sound(folder: Path) -> Weighed:
    """Weigh the student without a fault, and hold the code without one to the invariants."""
    student, code = students.try_sound(folder), _held(ROOT, "")
    return Weighed(
        student.red + code.red,
        student.errors + code.errors,
        student.n_verdicts + code.n_verdicts,
        student.seconds + code.seconds,
    )


def _held(code: Path, name: str) -> Weighed:
    """What the tests say of some code; of one name, or of all for ""."""
    began = time.perf_counter()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{code}{os.pathsep}{ROOT}",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("PYTEST_ADDOPTS", None)
    modules = [each for each in MODULES if not name or f"def {name}(" in (code / each).read_text(encoding="utf-8")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", *modules, "-k", name]
    done = subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True)
    found = {kind: re.findall(rf"^{kind} \S+::(\w+)", done.stdout, re.MULTILINE) for kind in ("FAILED", "ERROR")}
    if not re.search(r"^\d+ (passed|failed)", done.stdout.splitlines()[-1]):
        found["ERROR"].append(done.stdout[-500:] + done.stderr[-500:])
    ran = re.findall(r"(\d+) (?:passed|failed)", done.stdout.splitlines()[-1])
    return Weighed(
        tuple(dict.fromkeys(found["FAILED"])),
        tuple(found["ERROR"]),
        sum(map(int, ran)),
        time.perf_counter() - began,
    )
