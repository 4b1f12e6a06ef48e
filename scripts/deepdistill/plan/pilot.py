"""A pilot: the whole graph on a few queries, to measure what the plan otherwise assumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FOLDER = "pilot"
"""Name of the pilot's own folder below results and logs, so that it touches nothing else."""


def pilot_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a pilot if the key ``pilot`` asks for one, else a copy.

    A pilot has one shard, as each job's start costs the same however little it computes.
    """
    copy = dict(config)
    if copy.get("pilot") is None:
        return copy
    given = copy.get("pathvars") or {}
    folders = {name: f"{given.get(name, name)}/{FOLDER}" for name in ("results", "logs")}
    return {**copy, "pathvars": {**given, **folders}, "shards": 1}
