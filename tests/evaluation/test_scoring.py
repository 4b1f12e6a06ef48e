from __future__ import annotations

from copy import deepcopy

from deepdistill.evaluation.generation import Generation
from deepdistill.evaluation.scoring import score_responses, summarise

DOC = {"category": "math", "question": "7+7=?", "reference": "14"}


def response(answer: str, thinking: str = "7+7=14") -> str:
    return f"<think>{thinking}</think><answer>{answer}</answer>"


def test_states_say_why_a_response_did_not_pass():
    right = Generation(response("\\boxed{14}"), tokens=9)
    wrong = Generation(response("\\boxed{15}"), tokens=9)
    cut = Generation(response("\\boxed{14}"), tokens=24, finished=False)
    silent = Generation("<think>7+7=14", tokens=5)
    samples = [right, wrong, cut, silent]
    (scored,) = score_responses([samples], [DOC])
    assert [s["state"] for s in scored] == ["passed", "failed", "truncated", "unparsable"]
    assert [s["score"] for s in scored] == [1, 0, 0, 0]
    assert [s["tokens"] for s in scored] == [9, 9, 24, 5]
    assert summarise(DOC, [scored]) == {"pass@1": 0.25, "stopped": 0.75}


def test_an_answer_in_the_thinking_does_not_count():
    text = response("\\boxed{15}", thinking="surely \\boxed{14}")
    (((scored,),)) = score_responses([[text]], [DOC])
    assert scored["state"] == "failed"


def test_each_response_is_checked_against_its_own_reference():
    docs = [{**DOC, "reference": str(n)} for n in range(5)]
    responses = [[response(f"\\boxed{{{n}}}"), "no tags", response("\\boxed{3}")] for n in range(5)]
    scored = score_responses(responses, docs)
    assert [[s["score"] for s in row] for row in scored] == [
        [1, 0, 1 if n == 3 else 0] for n in range(5)
    ]


def test_a_generation_stays_itself_when_copied():
    copy = deepcopy(Generation("text", 4, finished=False))
    assert (copy, copy.tokens, copy.finished) == ("text", 4, False)
