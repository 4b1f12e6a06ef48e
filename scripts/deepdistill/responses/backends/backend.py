"""What every backend gets and gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Request:
    """One pass over one query: the rendered prompt, its key and, if it samples, its seed."""

    query_id: str
    pass_number: int
    messages: Sequence[Mapping[str, str]]
    key: str
    seed: int | None


@dataclass(frozen=True)
class Completion:
    """What came of a request.

    ``finish_reason`` is ``stop`` (the model ended by itself), ``length`` (cut by the token limit),
    ``absent`` (published data does not have it) or ``error``; for the last two ``error`` says what
    happened, and ``transient`` that another attempt may end better. Token counts are None where
    unknown.
    """

    request: Request
    text: str
    finish_reason: str
    tokens_in: int | None = None
    tokens_out: int | None = None
    error: str | None = None
    transient: bool = False


class EngineLostError(Exception):
    """The engine behind a backend is gone, and with it the requests that it was working on.

    in_flight: these requests; what else was asked for had not begun
    """

    def __init__(self, message: str, in_flight: Sequence[Request]) -> None:
        super().__init__(message)
        self.in_flight = in_flight


class Backend(Protocol):
    """Makes completions; constructing one may load a model."""

    def complete(self, requests: Sequence[Request]) -> Iterator[list[Completion]]:
        """Yield the completions of all requests in groups, as they are finished.

        Each group is safe on disk before the next is asked for, so a backend holds none back for
        longer than :data:`deepdistill.responses.groups.SECONDS`. Raises :class:`EngineLostError` if
        the rest cannot be had from this backend any more.
        """
        ...
