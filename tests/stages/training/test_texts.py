"""What a model is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import Settings
from harness.errors import UsageError
from harness.stages.training.texts import Lesson, read_texts, training_data


def written(folder: Path, text: str) -> list[Lesson]:
    (folder / "d.jsonl").write_text(text, "utf-8")
    return list(read_texts(training_data(Settings(root=folder), "d.jsonl")))


def test_a_line_is_a_text_or_a_prompt_with_its_answer(tmp_path: Path) -> None:
    chat = '{"prompt": [{"role": "user", "content": "3?"}]}'
    lines = f'{{"id": "x", "text": "one"}}\n\n{{"prompt": "two?", "answer": "2"}}\n{chat}\n'
    user = {"role": "user"}
    assert written(tmp_path, lines) == [
        Lesson("x", "one"),
        Lesson("3", "2", ({**user, "content": "two?"},)),
        Lesson("4", "", ({**user, "content": "3?"},)),
    ]
    assert written(tmp_path, '{"text": "one\u2028two\u0085three"}\n') == [Lesson("1", "one\u2028two\u0085three")]


def test_a_chat_is_learned_whole(tmp_path: Path) -> None:
    chat = '{"messages": [{"role": "user", "content": "2?"}, {"role": "assistant", "content": "two"}]}\n'
    prompt = ({"role": "user", "content": "2?"},)
    assert written(tmp_path, chat) == [Lesson("1", "two", prompt, learns_all=True)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"data = 'd\.jsonl' holds no text"),
        ("one\n", "line 1 is no JSON"),
        ("[]\n", "line 1 is no JSON object"),
        ('{"answer": "2"}\n', "line 1 has no prompt"),
        ('{"prompt": " ", "answer": "2"}\n', "line 1 has no prompt"),
        ('{"text": " "}\n', "line 1 has no prompt"),
        ('{"text": "2?", "answer": "2"}\n', "line 1 has no prompt"),
        ('{"prompt": [{"role": "user"}], "answer": "2"}\n', r"line 1: messages\[0\]: content = None is not a text"),
        (
            '{"messages": [{"role": "user"}, {"role": "assistant", "content": "two"}]}\n',
            r"line 1: messages\[0\]: content = None is not a text; every message needs one",
        ),
        ('{"prompt": "a", "answer": 2}\n', "line 1: the answer is 2, and only a text can be learned"),
        (
            '{"prompt": [{"role": "user", "content": "a"}], "answer": null}\n',
            "line 1: the answer is None, and only a text can be learned",
        ),
        ('{"messages": [{"role": "assistant", "content": "two"}]}\n', "line 1 has no prompt"),
        (
            '{"messages": [{"role": "assistant", "content": "2?"}, {"role": "user", "content": "two"}]}\n',
            "the last one of the assistant",
        ),
        *(
            (
                f'{{"messages": [{{"role": "user", "content": "2?"}}, {{"role": "assistant"{content}}}]}}\n',
                "line 1: the answer is .*, and only a text can be learned",
            )
            for content in (', "content": null, "tool_calls": [{"id": "a"}]', ', "content": [{"type": "text"}]', "")
        ),
    ],
)
def test_what_is_no_text_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        written(tmp_path, text)


def test_a_file_that_changes_while_something_is_built_of_it_is_refused(tmp_path: Path) -> None:
    """What is built is found again by what the file was: it must not be of anything else."""
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "one"}\n', "utf-8")
    data = training_data(Settings(root=tmp_path), "d.jsonl")
    path.write_text('{"text": "two"}\n', "utf-8")
    with pytest.raises(UsageError, match=r"d\.jsonl was changed while something was built of it; build it again"):
        list(read_texts(data))


def test_what_is_neither_a_corpus_nor_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"data = 'clean' is neither a corpus \(there are: none\) nor a file"):
        training_data(Settings(root=tmp_path), "clean")
    (tmp_path / "clean").mkdir()
    with pytest.raises(UsageError, match=r"nor a file: .*clean is a folder\."):
        training_data(Settings(root=tmp_path), "clean")
