"""What was measured of a query: its responses' verdicts, its difficulty, the sets that took it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deepdistill.keys import shard_of
from deepdistill.schemas import (
    JUDGEMENTS,
    LEFT_OUT,
    PUBLISHED,
    RESPONSES,
    REWARDS,
    SELECTED,
    STATES,
    VERDICTS,
    Artifact,
    difficulty,
)
from deepdistill.tables import Row
from deepdistill.trace.lookup import column_names
from deepdistill.trace.run import Run

_VERDICT = ("state", "verify_score", "verifier", "detail", "format_ok", "perplexity")
_RESPONSE = ("finish_reason", "tokens_out", "error")
_SETTINGS = {
    "easy": "cv_threshold",
    "easy_other_not_drawn": "keep_easy_other",
    "where": "where",
    "cap": "caps",
    "fraction": "fraction",
    "mix": "mix",
    "tokens": "tokens",
}
"""Settings of a set by the reason for which they leave queries out."""
_MEASURES = ("passes", "n", *STATES, "pass_rate", "pass_rate_low", "pass_rate_high", "cv")


def passes(run: Run, query: str, teacher: str) -> list[Row]:
    """Return a teacher's passes, by their number.

    Each has ``pass``, the verdict's and the response's fields (null where its stage has not run),
    ``judge`` and ``reward``: null where it was not asked, else its ``score``, ``problem`` and
    whether it ``decided`` the verdict; and ``published``: the ``file`` and ``row`` of a published
    response, null for another.
    """
    verdicts = _by_pass(run, "verdicts", VERDICTS, query, teacher, ("verdict_key", *_VERDICT))
    responses = _by_pass(run, "responses", RESPONSES, query, teacher, _RESPONSE)
    judged = _opinions(run, "judge", query, teacher)
    rewarded = _opinions(run, "reward", query, teacher)
    published = _published(run, query, teacher)
    rows = []
    for number in sorted(verdicts.keys() | responses.keys()):
        verdict, response = verdicts.get(number, {}), responses.get(number, {})
        rows.append(
            {
                "pass": number,
                **{name: verdict.get(name) for name in _VERDICT},
                **{name: response.get(name) for name in _RESPONSE},
                "judge": _opinion(judged.get(number), verdict),
                "reward": _opinion(rewarded.get(number), verdict),
                "published": published.get(number),
            }
        )
    return rows


def not_asked(run: Run, query: str) -> dict[str, str]:
    """Return, for each teacher that was not asked the query, the condition that decided so."""
    shard = shard_of(query, run.config["shards"])
    return {
        teacher: " ".join(settings["only"].split())
        for teacher, settings in run.config["teachers"].items()
        if "only" in settings
        and run.path(f"responses/{teacher}/{shard}")
        and not run.rows(f"responses/{teacher}/{shard}", RESPONSES, query, ["pass"])
    }


def measures(run: Run, query: str) -> Row | None:
    """Return a query's ``grade`` and, by teacher, its ``statistics``; None if there are none.

    Statistics are those of :func:`deepdistill.schemas.difficulty`; a teacher that was not there
    when difficulty was measured has none.
    """
    artifact = difficulty(list(run.config["teachers"]))
    path = run.path("difficulty/table")
    if path is None:
        return None
    known = set(column_names(path, artifact))
    columns = {
        teacher: [f"{measure}_{teacher}" for measure in _MEASURES]
        for teacher in run.config["teachers"]
        if f"n_{teacher}" in known
    }
    wanted = ["grade", *(column for names in columns.values() for column in names)]
    for row in run.rows("difficulty/table", artifact, query, wanted):
        return {
            "grade": row["grade"],
            "statistics": {
                teacher: dict(zip(_MEASURES, (row[c] for c in names), strict=True))
                for teacher, names in columns.items()
            },
        }
    return None


def sets(run: Run, query: str) -> list[Row]:
    """Return, for each selected set that is there, what it took or why not, and who trained on it.

    Each has ``set``, ``rule``, ``responses`` (``teacher``, ``pass``, ``clause``), ``left_out``
    (the ``reason`` and, where there is one, the ``setting``; null for a query that was taken) and
    ``recipes`` (``recipe``, ``parent``, and ``checkpoint``, null if it is not trained).
    """
    columns = ["teacher", "pass", "clause"]
    return [
        {
            "set": name,
            "rule": settings["rule"],
            "responses": run.rows(f"selected/{name}", SELECTED, query, columns),
            "left_out": _left_out(run, name, query),
            "recipes": _recipes(run, name),
        }
        for name, settings in run.config["selection"].items()
        if run.path(f"selected/{name}")
    ]


def _left_out(run: Run, name: str, query: str) -> Row | None:
    """Why a set left a query out, and the setting that says so."""
    for row in run.rows(f"selected/{name}.left_out", LEFT_OUT, query, ["category", "reason"]):
        key = _SETTINGS.get(row["reason"])
        value = run.config["selection"][name].get(key)
        if key == "caps":
            key, value = f"caps.{row['category']}", value.get(row["category"])
        setting = None if value is None else {"key": key, "value": value}
        return {"reason": row["reason"], "setting": setting}
    return None


def _recipes(run: Run, dataset: str) -> list[Row]:
    trained = []
    for name, recipe in run.config["training"]["recipes"].items():
        if recipe["dataset"] == dataset:
            path = run.results / "checkpoints" / name / "checkpoint.json"
            checkpoint = str(path) if path.exists() else None
            trained.append({"recipe": name, "parent": recipe["parent"], "checkpoint": checkpoint})
    return trained


def _by_pass(
    run: Run, name: str, artifact: Artifact, query: str, teacher: str, columns: tuple[str, ...]
) -> dict[int, Row]:
    place = f"{name}/{teacher}/{shard_of(query, run.config['shards'])}"
    return {row["pass"]: row for row in run.rows(place, artifact, query, ("pass", *columns))}


def _published(run: Run, query: str, teacher: str) -> dict[int, Row]:
    """Where a teacher's passes are published; nothing if a model made them."""
    if run.config["teachers"][teacher]["backend"] != "published":
        return {}
    rows = run.rows(f"published/{teacher}", PUBLISHED, query, ("pass", "file", "row"))
    return {row["pass"]: {"file": row["file"], "row": row["row"]} for row in rows}


def _opinions(run: Run, verifier: str, query: str, teacher: str) -> dict[int, Row]:
    """What a judge or a reward model said; nothing if the configuration has none."""
    if not run.config["verification"].get(verifier):
        return {}
    if verifier == "judge":
        name, artifact, key, problem = "judgements", JUDGEMENTS, "request_key", "problem"
    else:
        name, artifact, key, problem = "rewards", REWARDS, "reward_key", "error"
    rows = _by_pass(run, name, artifact, query, teacher, (key, "score", problem))
    return {
        number: {"key": row[key], "score": row["score"], "problem": row[problem]}
        for number, row in rows.items()
    }


def _opinion(opinion: Row | None, verdict: Mapping[str, Any]) -> Row | None:
    if opinion is None:
        return None
    decided = bool(verdict) and verdict["verdict_key"] == opinion["key"]
    return {"score": opinion["score"], "problem": opinion["problem"], "decided": decided}
