from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.responses.attempts import complete
from deepdistill.responses.backends.backend import Completion, EngineLostError, Request

Script = dict[int, str]
"""What happens to a request at each attempt: a letter each, the last one for ever.

``s`` stops by itself, ``t`` is a transient error, ``e`` a final one, ``d`` kills the engine.
"""


class Engine:
    """A backend that follows a script and works on ``width`` requests at a time."""

    def __init__(self, scripts: dict[int, str], asked: Counter[int], width: int) -> None:
        self._scripts = scripts
        self._asked = asked
        self._width = width

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        for start in range(0, len(requests), self._width):
            window = requests[start : start + self._width]
            fates = []
            for request in window:
                script = self._scripts[request.pass_number]
                fates.append(script[min(self._asked[request.pass_number], len(script) - 1)])
                self._asked[request.pass_number] += 1
            if "d" in fates:
                raise EngineLostError("gone", window)
            yield [_completion(r, fate) for r, fate in zip(window, fates, strict=True)]


def _completion(request: Request, fate: str) -> Completion:
    if fate == "s":
        return Completion(request, "yes", "stop")
    return Completion(request, "", "error", error=fate, transient=fate == "t")


def run(
    scripts: dict[int, str], attempts: int, width: int = 1
) -> tuple[dict[int, Completion], Counter[int], int]:
    """Completions by pass, how often each request was asked, and how many engines were opened."""
    asked: Counter[int] = Counter()
    opened = 0

    def open_engine() -> Engine:
        nonlocal opened
        opened += 1
        return Engine(scripts, asked, width)

    requests = [Request("q", number, [], "key", None) for number in scripts]
    groups = list(complete(open_engine, requests, attempts))
    completions = [completion for group in groups for completion in group]
    found = {completion.request.pass_number: completion for completion in completions}
    assert len(found) == len(completions) == len(scripts)
    assert all(groups)
    return found, asked, opened


def test_a_transient_error_is_tried_again_and_a_final_one_is_not() -> None:
    found, asked, opened = run({1: "s", 2: "tts", 3: "e", 4: "t"}, attempts=3)
    assert [found[n].error for n in (1, 2, 3, 4)] == [None, None, "e", "t"]
    assert asked == {1: 1, 2: 3, 3: 1, 4: 3}
    assert opened == 1


def test_a_dead_engine_is_replaced_and_what_is_done_is_not_asked_again() -> None:
    found, asked, opened = run({1: "s", 2: "ds", 3: "s"}, attempts=3)
    assert {c.finish_reason for c in found.values()} == {"stop"}
    assert asked == {1: 1, 2: 2, 3: 1}
    assert opened == 2


def test_a_request_that_kills_every_engine_becomes_an_error_and_the_others_go_on() -> None:
    found, asked, opened = run({1: "d", 2: "s", 3: "s"}, attempts=2)
    assert found[1].error == "the engine died 2 times while it worked on this: gone"
    assert found[2].text == found[3].text == "yes"
    assert asked == {1: 2, 2: 1, 3: 1}
    assert opened == 3


def test_an_engine_that_dies_before_it_began_is_not_opened_for_ever() -> None:
    class Dead:
        def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
            raise EngineLostError("no memory", [])

    with pytest.raises(EngineLostError, match="no memory"):
        list(complete(Dead, [Request("q", 1, [], "key", None)], 3))


@given(
    scripts=st.lists(st.text("sted", min_size=1, max_size=4), max_size=6),
    attempts=st.integers(1, 3),
    width=st.integers(1, 4),
)
def test_every_request_has_one_completion_and_no_more_attempts_than_allowed(
    scripts: list[str], attempts: int, width: int
) -> None:
    found, asked, _ = run(dict(enumerate(scripts)), attempts, width)
    assert set(found) == set(range(len(scripts)))
    assert all(1 <= times <= attempts for times in asked.values())
