"""Which rows planned jobs have to compute, by the functions by which the jobs themselves decide.

What a model has yet to write nobody knows. Rows that depend on it are *possible*: between none and
all of them are computed. All others are *certain*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from deepdistill.models import read_identity
from deepdistill.plan.commands import Command
from deepdistill.plan.jobs import Job
from deepdistill.plan.shadow import Shadow
from deepdistill.rowstore import Demand, RowStore
from deepdistill.schemas import Artifact
from deepdistill.tables import Place, Row

NO_MODEL = ""
"""Stands for the digest of a model that is not known yet; nothing has a key with it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows of one job by category: to compute for certain, perhaps, and held already.

    Of a job that does all that it does each time, ``counted`` is False: it has no such rows.
    """

    certain: Mapping[str, float] = field(default_factory=dict)
    possible: Mapping[str, float] = field(default_factory=dict)
    kept: float = 0
    counted: bool = True


def count_made(
    shadow: Shadow,
    command: Command,
    artifact: Artifact,
    demanded: Callable[[str], Demand[Any]],
    categories: Mapping[str, str],
    certain: Callable[[Place], bool],
    lasting: Callable[[Place], bool] | None = None,
) -> Missing:
    """Count rows that a model makes, and keep in the shadow those that hold.

    ``demanded`` returns the rows that are wanted of the model with a digest; ``certain`` says
    whether a row is wanted whatever else is written, ``lasting`` (the same if left out) whether
    one that holds is still there then.
    """
    store, model = RowStore(command.one("output"), artifact), command.one("model")
    known = shadow.known(model)
    demand = demanded(read_identity(shadow.path(model)).digest if known else NO_MODEL)
    held = store.held(demand)
    # Of a model that is not known yet, rows that are there may hold or not.
    in_doubt = not known and next(store.rows(), None) is not None
    missing = {place for place in demand.wanted if place not in held}
    doubtful = missing if in_doubt else {place for place in missing if not certain(place)}
    unknown = missing | {place for place in held if not (lasting or certain)(place)}
    rows = [row for place, row in held.items() if place not in unknown]
    shadow.put(command.one("output"), artifact, rows, unknown)
    return missing_rows(missing, doubtful, categories, len(held))


def missing_rows(
    missing: Collection[Place],
    doubtful: Collection[Place],
    categories: Mapping[str, str],
    kept: int,
) -> Missing:
    """Return the counts of missing places, of which some are doubtful."""
    certain = Counter(categories[p[0]] for p in missing if p not in doubtful)
    return Missing(certain, Counter(categories[p[0]] for p in doubtful), kept)


def readable(shadow: Shadow, command: Command, *options: str) -> bool:
    """Say whether all files that these options name are known."""
    return all(shadow.known(name) for option in options for name in command.all(option))


def rehearsed(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """Do a job in the shadow; it has no rows that count."""
    return Missing(counted=False) if shadow.rehearse(job, command) else None


def categories_of(queries: pa.Table) -> dict[str, str]:
    """Return each query's category by its id."""
    ids, categories = queries["query_id"].to_pylist(), queries["category"].to_pylist()
    return dict(zip(ids, categories, strict=True))


def place_of(row: Row) -> Place:
    """Return where a row belongs."""
    return row["query_id"], row["pass"]
