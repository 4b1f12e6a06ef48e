from __future__ import annotations

from pathlib import Path

import pytest

from deepdistill.errors import InputError
from deepdistill.evaluation.questions import demo_arithmetic, gsm8k, read_questions

GOOD = {"question": "1+1=?", "answer": "2"}


def test_rows_get_their_own_id_or_one_by_their_question(write_questions):
    other = {**GOOD, "question": "1+2=?"}
    rows = read_questions(write_questions(GOOD, "", {**GOOD, "id": "a", "level": 3}, other, GOOD))
    assert rows[1]["id"] == "a"
    assert set(rows[1]) == {"id", "question", "answer"}
    assert len({row["id"] for row in rows}) == 4  # also where a question is asked again
    again = read_questions(write_questions(other, {**GOOD, "answer": "3"}))
    assert [row["id"] for row in again] == [rows[2]["id"], rows[0]["id"]]


def test_an_id_stands_once(write_questions):
    with pytest.raises(InputError, match="line 2: id '7' is an earlier line's"):
        read_questions(write_questions({**GOOD, "id": 7}, {**GOOD, "id": "7"}))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: found list; expected an object"),
        ('{"answer": "2"}', "line 2: question is None"),
        ('{"question": "1+1=?", "answer": " "}', "line 2: answer is ' '"),
        ('{"question": "1+1=?", "answer": 2}', "line 2: answer is 2; expected non-empty text"),
    ],
)
def test_a_bad_line_is_named(write_questions, line: str, message: str):
    with pytest.raises(InputError, match=message) as caught:
        read_questions(write_questions(GOOD, line))
    assert "\n" not in str(caught.value)


def test_no_questions_is_an_error(write_questions, tmp_path: Path):
    with pytest.raises(InputError, match="no questions"):
        read_questions(write_questions(""))
    with pytest.raises(InputError, match="no such file"):
        read_questions(tmp_path / "nowhere.jsonl")


def test_references_are_found_where_each_benchmark_keeps_them():
    from datasets import Dataset

    solution = "5 * 200 = <<5*200=1000>>1,000 #1\n#### 1,000"
    rows = Dataset.from_list([{"question": "?", "answer": solution}])
    (row,) = gsm8k(rows)
    assert (row["category"], row["reference"]) == ("math", "1,000")
    (row,) = demo_arithmetic(Dataset.from_list([{"question": "?", "answer": " 14"}]))
    assert (row["category"], row["reference"]) == ("math", "14")


def test_a_reference_that_the_verifier_cannot_read_names_its_question():
    from datasets import Dataset

    rows = Dataset.from_list([{"question": "how many?", "answer": "so it is ####"}])
    with pytest.raises(InputError, match="reference of question 'how many\\?'"):
        gsm8k(rows)
