"""A benchmark's generations: rows with keys, of which only those that are missing are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from deepdistill.errors import InputError
from deepdistill.responses.attempts import complete
from deepdistill.responses.backends.backend import Backend, Completion, Request
from deepdistill.responses.rows import holds
from deepdistill.rowstore import Demand, Filled, RowStore
from deepdistill.schemas import GENERATIONS
from deepdistill.tables import Row


class Generation(str):
    """A response's text that also knows how it ended.

    lm-eval passes responses on as plain text and forgets whether the model stopped by itself, yet
    a truncated response must not be counted as a wrong one unseen. Being text, it fits wherever
    lm-eval expects text; text from any other of its models counts as finished.

    tokens: generated tokens, the end-of-sequence token included; None if unknown
    finished: whether the model stopped by itself
    """

    tokens: int | None
    finished: bool

    def __new__(cls, text: str, tokens: int | None = None, finished: bool = True) -> Generation:
        """Make a response from its text."""
        generation = super().__new__(cls, text)
        generation.tokens = tokens
        generation.finished = finished
        return generation


class Generations:
    """The generations at ``output``, rows of :data:`deepdistill.schemas.GENERATIONS`.

    Those that hold are kept (:func:`deepdistill.responses.rows.holds` under ``max_tokens`` and
    ``context``), and ``make_backend`` is called only if some are missing, with ``attempts`` at
    each. New ones are in part files at once, where an interrupted evaluation finds them again; they
    become the artifact with :meth:`publish`.

    filled: the rows, once they have been asked for
    """

    filled: Filled

    def __init__(
        self,
        output: str | Path,
        make_backend: Callable[[], Backend],
        max_tokens: int,
        attempts: int = 1,
        context: int | None = None,
    ) -> None:
        self._output = output
        self._store = RowStore(output, GENERATIONS)
        self._make_backend = make_backend
        self._limit = max_tokens
        self._attempts = attempts
        self._context = context

    def answer(self, requests: Sequence[Request]) -> list[Generation]:
        """Return a generation for each request, in their order.

        Raises :class:`InputError` if one cannot be made.
        """
        demand = demanded_generations(requests, self._limit, self._context)
        self.filled = self._store.gather(demand, self._compute)
        made = {(row["query_id"], row["pass"]): _generation(row) for row in self.filled.rows}
        return [made[place] for place in demand.wanted]

    def publish(self) -> None:
        """Write the artifact, when nothing is left that may fail."""
        self._store.publish(self.filled.rows)

    def _compute(self, missing: Sequence[Request]) -> Iterator[list[Row]]:
        for group in complete(self._make_backend, missing, self._attempts):
            yield [_row(completion, self._limit) for completion in group]
            self._check(group)

    def _check(self, group: Sequence[Completion]) -> None:
        failed = [completion for completion in group if completion.finish_reason == "error"]
        if failed:
            request = failed[0].request
            question = request.messages[-1]["content"][:50]
            raise InputError(
                f"{self._output}: generations that failed: {len(failed)}; the first, sample "
                f"{request.pass_number} of question {request.query_id} ({question!r}): "
                f"{failed[0].error}"
            )


def demanded_generations(
    requests: Sequence[Request], max_tokens: int, context: int | None
) -> Demand[Request]:
    """Return the requests by their places; limits as for :class:`Generations`."""

    def keep(row: Row, request: Request) -> Row | None:
        if not holds(row, request, max_tokens, context):
            return None
        return {**row, "max_tokens": max_tokens}

    return Demand({(r.query_id, r.pass_number): r for r in requests}, keep)


def _row(completion: Completion, max_tokens: int) -> Row:
    request = completion.request
    return {
        "query_id": request.query_id,
        "pass": request.pass_number,
        "request_key": request.key,
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "max_tokens": max_tokens,
        "tokens_in": completion.tokens_in,
        "tokens_out": completion.tokens_out,
        "seed": request.seed,
        "error": completion.error,
    }


def _generation(row: Row) -> Generation:
    return Generation(row["text"], row["tokens_out"], finished=row["finish_reason"] == "stop")
