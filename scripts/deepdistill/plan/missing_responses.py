"""Which responses of a shard are missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from deepdistill.plan.commands import Command
from deepdistill.plan.jobs import Job
from deepdistill.plan.missing import (
    Missing,
    categories_of,
    count_made,
    readable,
)
from deepdistill.plan.shadow import Shadow
from deepdistill.responses.generate import demanded_responses
from deepdistill.responses.only import asked_queries
from deepdistill.responses.prompts import read_prompt
from deepdistill.responses.published.take import demanded_texts, taken_rows
from deepdistill.rowstore import RowStore
from deepdistill.schemas import (
    RESPONSES,
    SHARD,
)
from deepdistill.tables import Place
from deepdistill.verification.verify import verifier_modules


def responses(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """A teacher's responses: the requests that are asked, and those that may be."""
    config = command.json("config")
    verdicts = command.all("verdicts")
    if not readable(shadow, command, "queries", "verdicts"):
        return None
    queries = shadow.read(command.one("queries"), SHARD)
    doubtful = {query for name in verdicts for query, _ in shadow.unknown(name)}
    asked = asked_queries(queries, config.get("only"), [shadow.path(v) for v in verdicts])
    wanted = {*asked["query_id"].to_pylist(), *doubtful}
    categories = categories_of(queries)

    def lasting(place: Place) -> bool:
        return _always_asked(place[1], categories[place[0]], config["passes"])

    return count_made(
        shadow,
        command,
        RESPONSES,
        lambda model: demanded_responses(
            queries.filter(_is_in(queries, wanted)),
            read_prompt(command.one("prompt")),
            model,
            config,
        ),
        categories,
        lambda place: place[0] not in doubtful and lasting(place),
        lasting,
    )


def texts(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """Responses that are published: all of them are known."""
    if not readable(shadow, command, "queries", "published"):
        return None
    queries, config = shadow.read(command.one("queries"), SHARD), command.json("config")
    published = shadow.path(command.one("published"))
    demand = demanded_texts(queries, published, config)
    held = RowStore(command.one("output"), RESPONSES).held(demand)
    new = [text for place, text in demand.wanted.items() if place not in held]
    rows = [*held.values(), *taken_rows(new, config)]
    shadow.put(command.one("output"), RESPONSES, rows)
    categories = categories_of(queries)
    return Missing(Counter(categories[text.query_id] for text in new), {}, len(held))


def _always_asked(number: int, category: str, passes: int | Mapping[str, Any]) -> bool:
    """Say whether a query of a category gets the pass whatever the ones before it give."""
    if isinstance(passes, int) or not verifier_modules(category):
        return True
    return number <= int(passes["min"])


def _is_in(queries: pa.Table, ids: Collection[str]) -> pa.Array:
    return pc.is_in(queries["query_id"], value_set=pa.array(sorted(ids), pa.string()))
