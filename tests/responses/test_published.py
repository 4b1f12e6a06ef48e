from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.responses.backends.backend import Completion, Request
from deepdistill.responses.backends.published import PublishedBackend


def ask(backend: PublishedBackend, question: str, number: int) -> Completion:
    request = Request("id", number, [{"role": "user", "content": question}], "key", 0)
    return next(iter(backend.complete([request])))[0]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "r.jsonl"
    file.write_text(
        '{"q": "1 +  1", "by": {"m": "first"}}\n{"q": "1 + 1", "by": {"m": "second"}}\n'
    )
    return file


def test_passes_are_the_rows_of_a_question_in_order(path: Path) -> None:
    backend = PublishedBackend(path, "q", "by.m")
    assert [ask(backend, "1 + 1", n).text for n in (1, 2)] == ["first", "second"]


def test_a_pass_that_is_not_there_is_absent(path: Path) -> None:
    completion = ask(PublishedBackend(path, "q", "by.m"), "1 + 1", 3)
    assert completion.finish_reason == "absent"
    assert completion.error == "2 published responses, pass 3 is not there"


def test_a_row_without_the_field_is_named(path: Path) -> None:
    with pytest.raises(InputError, match=r"r\.jsonl: line 1: field 'by\.x': found None"):
        PublishedBackend(path, "q", "by.x")
