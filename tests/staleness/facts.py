"""What a finished run holds: counted by the tests themselves, from its tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

Place = tuple[str, str, int]
"""Teacher, query id and pass."""

JUDGED = ("math", "science")
UNVERIFIED = ("science", "other")


class Facts:
    """Tables of a run in ``folder``: of the shards and teachers that its configuration has."""

    def __init__(self, folder: Path, teachers: Mapping[str, object], shards: int) -> None:
        names = [f"{index:05}-of-{shards:05}.parquet" for index in range(shards)]
        results = folder / "results"
        self._shards = [
            pd.concat(
                pd.read_parquet(results / "responses" / teacher / name).assign(teacher=teacher)
                for teacher in teachers
            )
            for name in names
        ]
        queries = pd.concat(
            pd.read_parquet(results / "queries" / "shards" / n, columns=columns()) for n in names
        )
        checks = pd.concat(
            pd.read_parquet(results / "checks" / teacher / name).assign(teacher=teacher)
            for teacher in teachers
            for name in names
        )
        responses = pd.concat(self._shards).merge(queries, on="query_id")
        verdicts = pd.concat(
            pd.read_parquet(results / "verdicts" / teacher / name).assign(teacher=teacher)
            for teacher in teachers
            for name in names
        )
        self._states = verdicts.groupby(["teacher", "query_id"])["state"].agg(list)
        self._category = queries.set_index("query_id")["category"]
        place = ["teacher", "query_id", "pass"]
        self._rows = responses.merge(checks.drop(columns="verifier"), on=place, how="left")

    def cut(self, teacher: str) -> int:
        """Count the responses that the token limit has cut."""
        of = self._rows[self._rows["teacher"] == teacher]
        return int((of["finish_reason"] == "length").sum())

    def longer_than(self, teacher: str, tokens: int) -> int:
        """Count the responses that have more tokens, or might, as they were cut."""
        of = self._rows[self._rows["teacher"] == teacher]
        return int(((of["finish_reason"] == "length") | (of["tokens_out"] > tokens)).sum())

    def unsolved(self, teacher: str) -> set[str]:
        """Return the queries with a pass that failed."""
        states = self._states[teacher]
        return {query for query in states.index if "failed" in states[query]}

    def uncounted(self, teacher: str) -> set[str]:
        """Return the queries with no pass that passed or failed."""
        states = self._states[teacher]
        return {query for query in states.index if not {"passed", "failed"} & {*states[query]}}

    def seldom_cut(self, teacher: str, times: int) -> set[str]:
        """Return the queries that were cut less often, and those that no verifier looks at."""
        states = self._states[teacher]
        return {
            query
            for query in states.index
            if states[query].count("truncated") < times or self._category[query] in UNVERIFIED
        }

    def in_shard(self, teacher: str, index: int) -> int:
        """Count a shard's responses."""
        return int((self._shards[index]["teacher"] == teacher).sum())

    def answered(self, category: str) -> int:
        """Count the responses of all teachers that have an answer."""
        return len(self._answers(category))

    def new_checks(self, before: Facts) -> int:
        """Count the answers that are new, or have another reference."""
        return len(self._answers().items() - before._answers().items())

    def new_judgements(self, before: Facts) -> int:
        """Count such answers that the judge is asked about, if it was not asked before."""
        return len(self.judged().items() - before.judged().items())

    def new_rewards(self, before: Facts) -> int:
        """Count new answers of the category other."""
        return len(self._texts("other").items() - before._texts("other").items())

    def new_perplexities(self, before: Facts) -> int:
        """Count new answers."""
        return len(self._texts().items() - before._texts().items())

    def judged(self, *categories: str) -> dict[Place, tuple[str, str]]:
        """Return answer and reference of what the verifier failed or has no opinion of."""
        rows = self._rows[self._rows["category"].isin(categories or JUDGED)]
        failed = (rows["score"] < 1) | (rows["failure"] == "unverifiable")
        return _by_place(rows[failed & (rows["reference"].fillna("") != "")])

    def _answers(self, category: str | None = None) -> dict[Place, tuple[str, str]]:
        rows = self._rows[self._rows["answer"].notna()]
        return _by_place(rows if category is None else rows[rows["category"] == category])

    def _texts(self, category: str | None = None) -> dict[Place, str]:
        return {place: answer for place, (answer, _) in self._answers(category).items()}


def judged(facts: Facts, category: str) -> int:
    """Count what the judge is asked about in a category."""
    return len(facts.judged(category))


def columns() -> list[str]:
    """Return the columns of the query shards that count here."""
    return ["query_id", "category", "reference"]


def _by_place(rows: pd.DataFrame) -> dict[Place, tuple[str, str]]:
    listed = rows[["teacher", "query_id", "pass", "answer", "reference"]].itertuples(index=False)
    return {(t, q, p): (answer, reference) for t, q, p, answer, reference in listed}
