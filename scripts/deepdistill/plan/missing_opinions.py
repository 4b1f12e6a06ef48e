"""Which opinions on a shard's responses are missing: checks, judgements, rewards and the like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

import pyarrow as pa

from deepdistill.plan.commands import Command
from deepdistill.plan.jobs import Job
from deepdistill.plan.missing import (
    Missing,
    categories_of,
    count_made,
    missing_rows,
    place_of,
    readable,
)
from deepdistill.plan.shadow import Shadow
from deepdistill.responses.prompts import read_prompt
from deepdistill.rowstore import Demand, RowStore
from deepdistill.schemas import (
    CHECKS,
    JUDGEMENTS,
    PERPLEXITIES,
    RESPONSES,
    REWARDS,
    SHARD,
    VERDICTS,
    Artifact,
)
from deepdistill.tables import Row, from_rows
from deepdistill.verification.judge import FIELDS, SCALES, demanded_judgements
from deepdistill.verification.perplexity import demanded_perplexities
from deepdistill.verification.reward import demanded_rewards
from deepdistill.verification.shard import checked_batches, demanded_checks
from deepdistill.verification.verdict import Opinions, decide_verdicts
from deepdistill.verification.verify import verifier_modules

ANSWER = {"answer": "", "problem": None}
NO_PASS = {"score": 0.0, "failure": None}
"""Rows that stand for unknown ones: a response that has to be checked, a check that has to be
judged."""


def checks(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """The verifiers' checks of answers; without a verifier they are made here."""
    if not readable(shadow, command, "queries", "responses"):
        return None
    config = command.json("config")
    queries = shadow.read(command.one("queries"), SHARD)
    responses = _with_unknown(shadow, command.one("responses"), RESPONSES, ANSWER)
    demand = demanded_checks(queries, responses, config)
    held = RowStore(command.one("output"), CHECKS).held(demand)
    missing = {place for place in demand.wanted if place not in held}
    doubtful = missing & shadow.unknown(command.one("responses"))
    categories = categories_of(queries)
    # Without a verifier the check says so, and costs nothing to make.
    clear = [p for p in missing - doubtful if not verifier_modules(categories[p[0]])]
    made = checked_batches([demand.wanted[place] for place in clear], config, workers=1)
    rows = [*held.values(), *chain.from_iterable(made)]
    shadow.put(command.one("output"), CHECKS, rows, missing - {*clear})
    return missing_rows(missing, doubtful, categories, len(held))


def judgements(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """The judge's, of what the verifiers failed or cannot say."""
    if not readable(shadow, command, "queries", "responses", "checks"):
        return None
    queries = shadow.read(command.one("queries"), SHARD)
    responses = _with_unknown(shadow, command.one("responses"), RESPONSES, ANSWER)
    checked = _with_unknown(shadow, command.one("checks"), CHECKS, NO_PASS)
    doubtful = shadow.unknown(command.one("checks"))
    return count_made(
        shadow,
        command,
        JUDGEMENTS,
        lambda model: demanded_judgements(
            queries,
            responses,
            checked,
            read_prompt(command.one("prompt"), FIELDS, SCALES, optional=True),
            model,
            command.json("config"),
        ),
        categories_of(queries),
        lambda place: place not in doubtful,
    )


def rewards(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """The reward model's."""
    return _scores(shadow, command, REWARDS, demanded_rewards)


def perplexities(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """The perplexities of answers."""
    return _scores(shadow, command, PERPLEXITIES, demanded_perplexities)


def verdicts(shadow: Shadow, job: Job, command: Command) -> Missing | None:
    """Verdicts, which cost nothing: those of which every opinion is known."""
    names = ("responses", "checks", "judgements", "rewards", "perplexities")
    if not readable(shadow, command, "queries", *names):
        return None
    unknown = {p for n in names for path in command.all(n) for p in shadow.unknown(path)}

    def table(name: str, artifact: Artifact) -> pa.Table | None:
        paths = command.all(name)
        if not paths:
            return None
        rows = shadow.read(paths[0], artifact).to_pylist()
        return from_rows(artifact, (row for row in rows if place_of(row) not in unknown))

    checked, responses = table("checks", CHECKS), table("responses", RESPONSES)
    opinions = Opinions(
        checked,
        table("judgements", JUDGEMENTS),
        table("rewards", REWARDS),
        table("perplexities", PERPLEXITIES),
    )
    queries = shadow.read(command.one("queries"), SHARD, ["query_id", "category"])
    decided = decide_verdicts(queries, responses, opinions, command.json("thresholds"))
    shadow.put(command.one("output"), VERDICTS, decided.to_pylist(), unknown)
    return Missing(counted=False)


def _scores(
    shadow: Shadow, command: Command, artifact: Artifact, demanded: Callable[..., Demand[Any]]
) -> Missing | None:
    """What a model says of each response, whatever else is said of it."""
    if not readable(shadow, command, "queries", "responses"):
        return None
    queries = shadow.read(command.one("queries"), SHARD)
    responses = _with_unknown(shadow, command.one("responses"), RESPONSES, ANSWER)
    doubtful = shadow.unknown(command.one("responses"))
    return count_made(
        shadow,
        command,
        artifact,
        lambda model: demanded(queries, responses, model, command.json("config")),
        categories_of(queries),
        lambda place: place not in doubtful,
    )


def _with_unknown(
    shadow: Shadow, name: str, artifact: Artifact, stand_in: Mapping[str, Any]
) -> pa.Table:
    """An artifact's rows, with one that stands for each unknown one."""
    known = shadow.read(name, artifact)
    rows: Iterable[Row] = (
        {"query_id": query, "pass": number, **stand_in}
        for query, number in sorted(shadow.unknown(name))
    )
    return pa.concat_tables([known, from_rows(artifact, rows)])
