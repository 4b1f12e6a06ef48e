"""Looking questions up in compact arrays gives what a plain dict gives."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepdistill.keys import query_id
from deepdistill.queries.clean import identity_text, normalise
from deepdistill.responses.published import questions
from deepdistill.responses.published.questions import QuestionIndex, to_hex

CATEGORIES = ("math", "code")

asked = st.text("ab \n\r\t\u00a0\u200b\x00é\u0301", max_size=6)


def ids_of(texts: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Ids and normalised texts of questions given with their category, without repeats."""
    kept = {query_id(c, identity_text(normalise(t))): normalise(t) for c, t in texts}
    return list(kept), list(kept.values())


def found(index: QuestionIndex, texts: Sequence[str]) -> list[tuple[int, str]]:
    rows, ids = index.find(pa.array(texts, pa.large_string()))
    return list(zip(rows.tolist(), to_hex(ids).to_pylist(), strict=True))


@settings(deadline=None)
@given(
    kept=st.lists(st.tuples(st.sampled_from(CATEGORIES), asked), max_size=12),
    batches=st.lists(st.lists(asked, max_size=8), max_size=4),
    room=st.sampled_from([0, 3, 1000]),
)
def test_questions_are_found_as_in_a_dict(
    kept: list[tuple[str, str]], batches: list[list[str]], room: int
) -> None:
    ids, texts = ids_of(kept)
    known: dict[str, list[str]] = defaultdict(list)
    for query, text in zip(ids, texts, strict=True):
        known[identity_text(text)].append(query)
    half = len(ids) // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "MOST_KNOWN", room)
        index = QuestionIndex([(ids[:half], texts[:half]), (ids[half:], texts[half:])])
        for batch in [*batches, *batches]:  # the second time most have been seen
            assert found(index, batch) == [
                (row, query)
                for row, text in enumerate(batch)
                for query in sorted(known.get(identity_text(normalise(text)), []))
            ]


def test_no_more_texts_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(questions, "MOST_KNOWN", 50)
    index = QuestionIndex([ids_of([("math", f"{i} + 1") for i in range(20)])])
    for start in range(0, 400, 40):
        texts = [f"{i}  + 1" for i in range(start, start + 40)]
        assert len(found(index, texts)) == max(0, 20 - start)
        assert len(index._written) <= 50


def test_without_queries_nothing_is_found() -> None:
    assert found(QuestionIndex([]), ["a", ""]) == []


def test_a_text_that_was_seen_is_not_normalised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    index = QuestionIndex([ids_of([("math", "1 + 1"), ("math", "2 + 2")])])
    texts = ["1  + 1", "2 + 2", "3 + 3", "3 + 3"]
    first = found(index, texts)
    assert [row for row, _ in first] == [0, 1]
    monkeypatch.setattr(questions, "normalise", None)
    assert found(index, texts) == first


def test_control_characters_are_those_of_their_category() -> None:
    controls = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Cc"]
    assert {normalise(f"a{c}b") for c in controls} == {"ab", "a\tb", "a\nb"}
    assert normalise("a\r\nb\rc") == "a\nb\nc"
    assert normalise("a\x0bb\x85c") == "abc"
