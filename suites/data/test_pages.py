import pytest

from harness import Score


def pages(form, threshold, **about):
    return pytest.param(
        id=form,
        marks=pytest.mark.evaluation(
            cases=f"evals/data/text/{form}.jsonl",
            cluster=False,
            threshold=threshold,
            margin=0.1 if about else 0.02,
            **about,
            requirement="Non-functional: of a page its text is learnt, whole and without menus, notices and scripts.",
        ),
    )


# What is lost of a broken page depends on where it is broken: the claim is about pages like these.
FORMS = [pages("well_formed", 0.98), pages("crowded", 0.98), pages("broken", 0.6, about="population")]


@pytest.mark.parametrize((), FORMS)
def test_pages(corpus, case):
    found = corpus[case.id]
    assert found.kept, str(found)
    assert "</" not in found.after, f"{case.id!r} was kept with its tags"
    noise = [said for said in case.lacks if said in found.after]
    assert not noise, f"{case.id!r} was kept with {noise[0][:60]!r}"
    lost = [said for said in case.holds if said not in found.after]
    return Score(1 - len(lost) / len(case.holds), f"{case.id!r} lost {lost[0][:60]!r}" if lost else None)
