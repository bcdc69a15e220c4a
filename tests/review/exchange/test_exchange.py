import csv
import io
import json
import uuid
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ReviewFileError, UnknownItemError
from harness.records.review import Answer, Batch, Event, Form, LabelChoice
from harness.review import Queue
from harness.review.exchange import FORMATS, SharedExclusion, SharedItem, exported, find_format, format_of, import_items
from harness.review.exchange.argilla import user_id
from harness.review.exchange.label_studio import labeling_config
from harness.store import Store
from tests.review.conftest import FORMS, NOW, PAIR, SCALE, AddBatch, batch_of
from tests.store.conftest import NewUrl, OpenStore

_keys = count()
VALUES = {
    "scale": (4, 2),
    "categories": ("right", "wrong"),
    "text": ('cut, "short"\n', "=1+1"),
    "preference": ("left", "tie"),
}
EVERY_FORMAT = sorted(FORMATS)
EVERY_KIND = sorted(FORMS)


def label_some(queue: Queue, kind: str) -> None:
    """Two reviewers label the first two items, of which the second is adjudicated; the third has no label."""
    first, second = VALUES[kind]
    for reviewer, values in (("ann", (first, first)), ("bob", (first, second))):
        for value in values:
            view = queue.next(reviewer)
            assert view is not None
            queue.label(reviewer, view.lease_id, value, key=f"k{next(_keys)}", note=f"@{reviewer}")
    view = queue.next("eve", task="adjudicate")
    if view is not None:
        queue.adjudicate("eve", view.lease_id, second, key=f"k{next(_keys)}")


def share(store: Store, *, unblind: bool) -> list[SharedItem]:
    (batch,) = store.review.batches()
    return exported(store.review, batch, unblind=unblind)


def canonical(store: Store) -> set[tuple[Any, ...]]:
    """What counts of a queue: who said what of which answer, and how each item stands."""
    found: set[tuple[Any, ...]] = set()
    for batch in store.review.batches():
        standings = store.review.standings(batch.id)
        for item in store.review.items(batch.id):
            events = store.review.events(item_id=item.id)
            said = tuple(sorted((e.reviewer, e.kind, e.value, e.score, e.note, e.time) for e in events))
            found.add((batch.form, item.case_id, item.answers, item.wanted, said, standings[item.id]))
    return found


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_an_unblind_export_read_again_is_the_same(
    queue: Queue, store: Store, add_batch: AddBatch, name: str, kind: str
) -> None:
    add_batch(3, FORMS[kind], wanted=2)
    label_some(queue, kind)
    shared = share(store, unblind=True)
    text = FORMATS[name].write(shared)
    assert FORMATS[name].read(text) == shared
    assert format_of(Path(f"x.{'json' if name not in ('jsonl', 'csv') else name}"), text) == name


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_an_unblind_export_says_who_excluded_an_item_why_and_when(
    queue: Queue, store: Store, add_batch: AddBatch, name: str
) -> None:
    add_batch(2)
    for place, reason in enumerate(("the passage is missing", "=1+1")):
        view = queue.next("ann")
        assert view is not None
        queue.flag("ann", view.lease_id, key=f"f{place}")
        taken = queue.next("eve", task="adjudicate")
        assert taken is not None
        queue.exclude("eve", taken.lease_id, reason, key=f"x{place}")
    queue.undo("eve", key="u")
    shared = share(store, unblind=True)
    assert [each.excluded for each in shared] == [SharedExclusion("eve", "the passage is missing", NOW), None]
    text = FORMATS[name].write(shared)
    assert "the passage is missing" in text
    assert FORMATS[name].read(text) == shared
    assert "the passage is missing" not in FORMATS[name].write(share(store, unblind=False))
    assert import_items(store.review, FORMATS[name].read(text), NOW).items == 0


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_an_unblind_export_makes_the_same_queue_elsewhere(
    queue: Queue, store: Store, add_batch: AddBatch, new_url: NewUrl, open_store: OpenStore, name: str, kind: str
) -> None:
    add_batch(3, FORMS[kind], wanted=2)
    label_some(queue, kind)
    shared = FORMATS[name].read(FORMATS[name].write(share(store, unblind=True)))
    target = open_store(new_url())
    assert import_items(target.review, shared, NOW).labels == (4 if kind == "text" else 5)
    assert canonical(target) == canonical(store)
    again = import_items(target.review, shared, NOW)
    assert (again.batches, again.items, again.labels) == (0, 0, 0)
    assert import_items(store.review, shared, NOW).labels == 0


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_blind_export_holds_nothing_that_sways(
    queue: Queue, store: Store, add_batch: AddBatch, name: str, kind: str
) -> None:
    add_batch(3, FORMS[kind], wanted=2)
    label_some(queue, kind)
    text = FORMATS[name].write(share(store, unblind=False))
    for secret in ("secret", "fingerprint-", "ann", "bob", "eve", "0.77", "0.123", (b"k" * 16).hex()):
        assert secret not in text
    assert "answer 2" in text


def test_a_blind_pair_has_its_answers_in_an_order_that_tells_nothing(store: Store, add_batch: AddBatch) -> None:
    add_batch(40, PAIR)
    first = [each.answers[0].startswith("candidate") for each in share(store, unblind=False)]
    assert 8 < sum(first) < 32


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_preference_given_elsewhere_counts_for_the_right_answer(
    queue: Queue, store: Store, add_batch: AddBatch, name: str
) -> None:
    items = add_batch(10, PAIR)
    blind = FORMATS[name].read(FORMATS[name].write(share(store, unblind=False)))
    prefers_candidate = [
        replace(each, labels=(label_of("left" if each.answers[0].startswith("candidate") else "right"),))
        for each in blind
    ]
    import_items(store.review, FORMATS[name].read(FORMATS[name].write(prefers_candidate)), NOW)
    assert [done.standing.value for done in queue.labels("b1")] == ["first"] * len(items)


def label_of(value: Any) -> Any:
    from harness.review.exchange import SharedLabel

    return SharedLabel("ann", value)


def test_an_imported_label_fills_an_item_that_is_waiting(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    add_batch(2)
    (first, _) = share(store, unblind=False)
    import_items(store.review, [replace(first, labels=(label_of(5),))], NOW)
    assert [done.standing.score for done in queue.labels("b1")] == [1.0]
    view = queue.next("bob")
    assert view is not None
    assert view.item_id == "b1-00001"


def test_an_unknown_reviewer_of_a_file_is_added_without_a_token(
    queue: Queue, store: Store, add_batch: AddBatch
) -> None:
    add_batch(1)
    (first,) = share(store, unblind=False)
    import_items(store.review, [replace(first, labels=(replace(label_of(5), reviewer="new"),))], NOW)
    assert {each.name: each.role for each in queue.reviewers()}["new"] == "annotator"
    assert queue.sign_in("") is None


def test_one_bad_label_of_a_file_brings_nothing_in(store: Store, add_batch: AddBatch) -> None:
    add_batch(2)
    first, second = share(store, unblind=False)
    bad = [replace(first, labels=(label_of(5),)), replace(second, labels=(label_of(9),))]
    with pytest.raises(ReviewFileError, match="Item b1-00001, label of 'ann': The label 9 is none of this item's"):
        import_items(store.review, bad, NOW)
    assert store.review.events(batch_id="b1") == []


def test_an_unknown_item_without_answers_is_refused(store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    (first,) = share(store, unblind=False)
    with pytest.raises(ReviewFileError, match="Item other is not in the queue"):
        import_items(store.review, [replace(first, item_id="other", answers=())], NOW)


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_file_whose_form_is_not_the_one_of_its_batch_is_refused(store: Store, add_batch: AddBatch, name: str) -> None:
    """A label counts by the form that the queue has: another scoring in the file would decide."""
    add_batch(2)
    first, second = share(store, unblind=False)
    choices = (*SCALE.choices[:-1], replace(SCALE.choices[-1], score=0.0))
    changed = replace(second, form=replace(SCALE, choices=choices), labels=(label_of(5),))
    with pytest.raises(ReviewFileError, match=rf"[2-3], item {second.item_id}: its form in the file is not the one of"):
        import_items(store.review, FORMATS[name].read(FORMATS[name].write([first, changed])), NOW)
    assert store.review.events(batch_id="b1") == []


@pytest.mark.parametrize("what", ["case", "answer"])
@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_label_of_another_text_is_refused(store: Store, add_batch: AddBatch, name: str, kind: str, what: str) -> None:
    add_batch(2, FORMS[kind])
    first, second = share(store, unblind=False)
    other = {"case": {"case_id": first.case_id}, "answer": {"answers": (*second.answers[1:], "another")}}
    changed = replace(second, **other[what], labels=(label_of(VALUES[kind][0]),))
    with pytest.raises(ReviewFileError, match=rf"[2-3], item {second.item_id}: its {what} in the file is not the one"):
        import_items(store.review, FORMATS[name].read(FORMATS[name].write([first, changed])), NOW)
    assert store.review.events(batch_id="b1") == []


def test_the_rows_of_an_item_show_the_same(store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    (shared,) = share(store, unblind=False)
    first, other = replace(shared, labels=(label_of(5),)), replace(shared, answers=("x",), labels=(label_of(1),))
    with pytest.raises(ReviewFileError, match="Row 3 is no item with a label: Item b1-00000 has another case"):
        FORMATS["csv"].read(FORMATS["csv"].write([first, other]))


def test_line_ends_of_a_spreadsheet_change_no_text(store: Store, add_batch: AddBatch) -> None:
    (item,) = add_batch(1)
    batch = replace(store.review.batch("b1"), id="b2")
    store.review.add_batch(batch, [replace(item, id="i2", batch_id="b2", answers=(Answer("one\r\ntwo"),))])
    (shared,) = exported(store.review, batch, unblind=False)
    assert import_items(store.review, [replace(shared, answers=("one\ntwo",), labels=(label_of(5),))], NOW).labels == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (
            replace(SCALE, choices=(LabelChoice(1, "", 0.0), LabelChoice(2, "", 50))),
            "2 counts for 50, which is no number in",
        ),
        (
            replace(SCALE, choices=(LabelChoice(1, "", 0.0), LabelChoice(2, "", True))),
            "2 counts for True, which is no number in",
        ),
        (replace(SCALE, choices=(LabelChoice("1", "", 0.0),)), "'1' is no value of a form of kind 'scale'"),
        (replace(PAIR, choices=(LabelChoice("up", "", None),)), "'up' is no preference"),
    ],
)
@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_a_form_whose_values_can_not_count_is_refused(name: str, form: Form, said: str) -> None:
    answers = ("one", "other")[: 2 if form.is_pair else 1]
    text = FORMATS[name].write([SharedItem("i1", "suites/test.py::test", "c", form, (), answers)])
    with pytest.raises(ReviewFileError, match=said):
        FORMATS[name].read(text)


@pytest.mark.parametrize("hidden", [{"probability": 0}, {"probability": "1"}, {"judge_score": 50}])
def test_a_new_item_with_a_number_that_is_none_brings_nothing_in(store: Store, hidden: dict[str, Any]) -> None:
    good = SharedItem("i1", "suites/test.py::a", "c", SCALE, (), ("answer",))
    bad = replace(good, item_id="i2", evaluation_id="suites/test.py::b", hidden=hidden)
    with pytest.raises(ReviewFileError, match=r"Item i2: it wants 1 labels, was drawn with probability"):
        import_items(store.review, [good, bad], NOW)
    assert store.review.batches() == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("jsonl", "{", "Line 1 is no item"),
        ("jsonl", '\n{"item": "x"}', "Line 2 is no item: it lacks 'evaluation'"),
        (
            "jsonl",
            '{"item": "x", "evaluation": "e", "case": "c", "messages": [], "answers": [], "form": {"kind": "stars"}}',
            "can't be understood",
        ),
        ("csv", "a,b\n1,2\n", "lacks the column item, value, form"),
        ("csv", "item,value,form\nx,3,nonsense\n", "Row 2 is no item"),
        ("label-studio", "nonsense", "is no JSON"),
        ("label-studio", "{}", "not as JSON-MIN"),
        ("label-studio", '[{"data": {}}]', "Task 1 is none that Steelyard exported: it lacks 'steelyard'"),
        ("argilla", "{}", "is no list of records"),
        ("argilla", '[{"id": "x"}]', "Record 1 is none that Steelyard exported"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(name: str, text: str, said: str) -> None:
    with pytest.raises(ReviewFileError) as refused:
        FORMATS[name].read(text)
    assert said in str(refused.value)


ITEM = {
    "item": "i1",
    "evaluation": "suites/test.py::test",
    "case": "c",
    "form": asdict(SCALE),
    "messages": [],
    "answers": ["answer"],
}
LABEL = {"reviewer": "ann", "value": 3}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"labels": [{**LABEL, "adjudicated": "no"}]}, "its label's adjudicated is 'no'. Write true or false."),
        ({"labels": [{**LABEL, "time": "yesterday"}]}, "its label's time is 'yesterday'. Write seconds since 1970"),
        ({"labels": [{**LABEL, "time": 1e300}]}, "its label's time is 1e+300. Write seconds since 1970"),
        ({"labels": [{**LABEL, "note": 5}]}, "its label's note is 5. Write a text."),
        ({"labels": [{**LABEL, "mood": 5}]}, "a label has no field 'mood'; its fields: reviewer, value"),
        ({"labels": [{"reviewer": "ann"}]}, "it lacks 'value'"),
        ({"labels": LABEL}, "Write a list of objects."),
        ({"wanted": 1_000_000_000}, "its wanted is 1000000000. Write a whole number from 1 to 50."),
        ({"wanted": True}, "its wanted is True. Write a whole number from 1 to 50."),
        ({"item": "x\ud800"}, r"its item is 'x\ud800'. Write an id of 1 to 32 printable ASCII characters"),
        ({"item": 5}, "its item is 5. Write an id"),
        ({"hidden": {"run": "\ud800"}}, r"its hidden run is '\ud800'. Write a run's id or null."),
        ({"messages": ["why?"]}, "its messages is ['why?']. Write messages such as"),
        ({"answers": [None]}, "its answers is [None]. Write a list of texts."),
    ],
)
def test_a_field_that_is_none_is_named_with_its_line_and_what_to_write(fields: dict[str, Any], said: str) -> None:
    text = f"{json.dumps({**ITEM, 'item': 'i0'})}\n{json.dumps({**ITEM, **fields})}"
    with pytest.raises(ReviewFileError) as refused:
        FORMATS["jsonl"].read(text)
    assert str(refused.value).startswith("Line 2 is no item: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("time", "yesterday", "its label's time is 'yesterday'. Write seconds since 1970"),
        ("time", "1e300", "its label's time is 1e+300. Write seconds since 1970"),
        ("adjudicated", "maybe", "its column adjudicated is 'maybe'. Write yes, or leave it empty."),
        ("wanted", "1000000000", "its wanted is '1000000000'. Write a whole number from 1 to 50."),
    ],
)
def test_a_cell_that_is_none_is_named_with_its_row_and_what_to_write(column: str, cell: str, said: str) -> None:
    (shared,) = FORMATS["jsonl"].read(json.dumps({**ITEM, "labels": [LABEL]}))
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].write([shared])))
    out = io.StringIO()
    writer = csv.DictWriter(out, row)
    writer.writeheader()
    writer.writerow({**row, column: cell})
    with pytest.raises(ReviewFileError) as refused:
        FORMATS["csv"].read(out.getvalue())
    assert said in str(refused.value)
    assert str(refused.value).startswith("Row 2 is no item")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_of_a_spreadsheet_with_another_delimiter_is_read(delimiter: str) -> None:
    (shared,) = FORMATS["jsonl"].read(json.dumps({**ITEM, "labels": [LABEL]}))
    (row,) = csv.DictReader(io.StringIO(FORMATS["csv"].write([shared])))
    out = io.StringIO()
    writer = csv.DictWriter(out, row, delimiter=delimiter)
    writer.writeheader()
    writer.writerow({**row, "value": "3,0"})
    assert FORMATS["csv"].read(out.getvalue()) == [shared]


def test_no_counts_as_no_in_a_table() -> None:
    (shared,) = FORMATS["jsonl"].read(json.dumps({**ITEM, "labels": [LABEL]}))
    text = FORMATS["csv"].write([shared]).replace('"0.0","","1"', '"0.0","no","1"')
    assert '"no"' in text
    assert FORMATS["csv"].read(text) == [shared]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [ITEM, {**ITEM, "item": "i2", "labels": [{**LABEL, "reviewer": "a" * 70}]}],
            "Line 2, item i2, label of 'a{70}': 'a{70}' is no name for a reviewer: write 1 to 64 printable characters",
        ),
        ([ITEM, ITEM], r"Line 2, item i1 is the id of another new item of the file \(Line 1\). Give each an id"),
        (
            [{**ITEM, "hidden": {"sample_keys": ["zz"]}}],
            "Line 1, item i1: versions, fingerprints, samples or sample_keys",
        ),
    ],
)
def test_what_can_not_be_stored_leaves_no_batch(store: Store, lines: list[dict[str, Any]], said: str) -> None:
    shared = FORMATS["jsonl"].read("\n".join(map(json.dumps, lines)))
    with pytest.raises(ReviewFileError, match=said):
        import_items(store.review, shared, NOW)
    assert store.review.batches() == []


def test_batches_and_labels_are_stored_together_or_not_at_all(store: Store, add_batch: AddBatch) -> None:
    batch = Batch("new", NOW, "suites/test.py::test", SCALE)
    label = Event(0, "label", "no such item", "ann", NOW, "k", 3, 0.5)
    with pytest.raises(UnknownItemError):
        store.review.import_labels([label], NOW, [(batch, batch_of(1, batch_id="new"))])
    assert store.review.batches() == []
    assert store.review.reviewers() == []


def test_an_unknown_format_is_told_with_the_nearest() -> None:
    with pytest.raises(ReviewFileError, match="Did you mean 'argilla'"):
        find_format("argila")
    with pytest.raises(ReviewFileError, match="say it with --format"):
        format_of(Path("labels.txt"), "")


def test_a_spreadsheet_runs_no_answer_as_a_formula(store: Store, add_batch: AddBatch) -> None:
    (item,) = add_batch(1)
    (shared,) = share(store, unblind=False)
    evil = replace(shared, answers=("=HYPERLINK(1)",), case_id="+1", reference="'=already\r＝1\n'\n@x")
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"].write([evil]))))
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in rows[0].values())
    assert FORMATS["csv"].read(FORMATS["csv"].write([evil])) == [evil]
    assert item.id == shared.item_id


_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@pytest.mark.parametrize("name", EVERY_FORMAT)
@given(answer=_TEXTS, question=_TEXTS, note=_TEXTS, reviewer=_TEXTS.filter(lambda text: text.strip() == text and text))
def test_any_text_comes_through(name: str, answer: str, question: str, note: str, reviewer: str) -> None:
    label = replace(label_of(3), note=note, reviewer=reviewer, time=NOW)
    messages = ({"role": "user", "content": question},)
    shared = SharedItem("i1", "suites/test.py::test", "c", SCALE, messages, (answer,), labels=(label,), hidden={"a": 1})
    assert FORMATS[name].read(FORMATS[name].write([shared])) == [shared]


def test_label_studio_gets_tasks_in_its_format(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    """The keys of https://labelstud.io/guide/task_format, with results of the tags of the labeling configuration."""
    add_batch(2, wanted=2, judge_score=0.75)
    label_some(queue, "scale")
    task = json.loads(FORMATS["label-studio"].write(share(store, unblind=True)))[0]
    assert set(task) == {"data", "annotations", "predictions"}
    assert task["data"]["answer"] == "candidate's answer 0"
    annotation = task["annotations"][0]
    assert annotation["completed_by"] == {"email": "ann"}
    assert annotation["created_at"] == "2027-01-15T08:00:00Z"
    assert {key: annotation["result"][0][key] for key in ("from_name", "to_name", "type", "value")} == {
        "from_name": "label",
        "to_name": "answer",
        "type": "choices",
        "value": {"choices": ["4"]},
    }
    assert task["predictions"][0]["score"] == 0.75
    assert task["predictions"][0]["result"][0]["value"] == {"choices": ["4"]}


@pytest.mark.parametrize("form", FORMS.values(), ids=lambda form: form.kind)
def test_the_labeling_configuration_names_what_the_tasks_hold(store: Store, add_batch: AddBatch, form: Form) -> None:
    add_batch(1, form)
    (task,) = json.loads(FORMATS["label-studio"].write(share(store, unblind=False)))
    view = ElementTree.fromstring(labeling_config(form))
    shown = [each.get("value", "").removeprefix("$") for each in view.iter("Text")]
    assert set(shown) <= set(task["data"])
    controls = [each for each in view if each.get("toName")]
    assert {each.get("name") for each in controls} == {"label", "note"}
    assert {each.get("toName") for each in controls} <= {each.get("name") for each in view.iter("Text")}
    assert [each.get("value") for each in view.iter("Choice")] == [str(choice.value) for choice in form.choices]


def test_what_label_studio_adds_to_its_export_is_understood(store: Store, add_batch: AddBatch) -> None:
    """An export has ids, cancelled annotations, users as numbers and texts as lists."""
    add_batch(2)
    tasks = json.loads(FORMATS["label-studio"].write(share(store, unblind=False)))
    result = {"id": "Dx_aB91ISN", "from_name": "label", "to_name": "answer", "type": "choices", "origin": "manual"}
    note = {"id": "n", "from_name": "note", "to_name": "answer", "type": "textarea", "value": {"text": ["one", "two"]}}
    tasks[0] |= {"id": 7, "project": 83, "predictions": [], "drafts": []}
    tasks[0]["annotations"] = [
        {
            "id": 1001,
            "completed_by": 10,
            "result": [{**result, "value": {"choices": ["2"]}}, note],
            "was_cancelled": False,
            "ground_truth": False,
            "created_at": "2021-03-09T22:16:08.728353Z",
            "lead_time": 4.288,
        }
    ]
    tasks[1]["annotations"] = [{"id": 1002, "completed_by": 10, "result": [], "was_cancelled": True}]
    first, second = FORMATS["label-studio"].read(json.dumps(tasks))
    assert [(each.reviewer, each.value, each.note) for each in first.labels] == [("label-studio-10", 2, "one\ntwo")]
    assert first.labels[0].time == 1615328168.728353
    assert second.labels == ()


def test_argilla_gets_records_in_its_format(queue: Queue, store: Store, add_batch: AddBatch) -> None:
    """The keys of Record.to_dict of Argilla 2, with users as UUIDs."""
    add_batch(2, wanted=2, judge_score=0.75)
    label_some(queue, "scale")
    record, _ = json.loads(FORMATS["argilla"].write(share(store, unblind=True)))
    assert set(record) == {"id", "fields", "metadata", "suggestions", "responses", "vectors", "_server_id"}
    assert set(record["fields"]) == {"question", "answer", "reference"}
    assert record["responses"]["label"][0] == {"value": 4, "user_id": user_id("ann")}
    assert uuid.UUID(record["responses"]["label"][0]["user_id"])
    assert record["suggestions"] == {"label": {"value": 4, "score": 0.75, "agent": "judge"}}
    assert all(isinstance(value, str) for value in record["metadata"].values())


def test_who_labelled_and_settled_an_item_responds_once_in_argilla(
    queue: Queue, store: Store, add_batch: AddBatch
) -> None:
    add_batch(1, wanted=2)
    for reviewer, value in (("ann", 4), ("zoe", 2)):
        view = queue.next(reviewer)
        assert view is not None
        queue.label(reviewer, view.lease_id, value, key=reviewer)
    view = queue.next("zoe", task="adjudicate")
    assert view is not None
    queue.adjudicate("zoe", view.lease_id, 3, key="settled")
    (shared,) = share(store, unblind=True)
    text = FORMATS["argilla"].write([shared])
    responses = json.loads(text)[0]["responses"]["label"]
    assert [(each["user_id"], each["value"]) for each in responses] == [(user_id("ann"), 4), (user_id("zoe"), 3)]
    (again,) = FORMATS["argilla"].read(text)
    assert {(each.reviewer, each.value, each.adjudicated) for each in again.labels} == {
        ("ann", 4, False),
        ("zoe", 2, False),
        ("zoe", 3, True),
    }


def test_drafts_of_argilla_are_no_labels(store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    records = json.loads(FORMATS["argilla"].write(share(store, unblind=False)))
    users = [str(uuid.uuid4()) for _ in range(3)]
    states = ("submitted", "draft", "discarded")
    responses = [{"value": 2, "user_id": user, "status": state} for user, state in zip(users, states, strict=True)]
    records[0]["responses"] = {"label": responses}
    (shared,) = FORMATS["argilla"].read(json.dumps(records))
    assert [each.reviewer for each in shared.labels] == users[:1]


def test_responses_that_people_gave_in_argilla_are_labels(store: Store, add_batch: AddBatch) -> None:
    add_batch(1)
    records = json.loads(FORMATS["argilla"].write(share(store, unblind=False)))
    user = str(uuid.uuid4())
    records[0]["responses"] = {
        "label": [{"value": 2, "user_id": user}],
        "note": [{"value": "unclear", "user_id": user}],
    }
    records[0]["_server_id"] = str(uuid.uuid4())
    (shared,) = FORMATS["argilla"].read(json.dumps(records))
    assert [(each.reviewer, each.value, each.note) for each in shared.labels] == [(user, 2, "unclear")]
