"""What a teacher's `only` saves and what it costs: on a finished run, and at the paper's scale.

On a run, the teacher's verdicts on the queries that it would not be asked are left out, difficulty
is measured and every set of the teacher is selected again, from copies in a temporary folder. At
the paper's scale there are published numbers of queries by pass rate, for each teacher alone; how
many of stage I's queries would not be asked is therefore given with its bounds.

    make benchmark NAME=only ARGS='--results results'
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.config import check_config
from deepdistill.difficulty.table import measure_difficulty
from deepdistill.keys import shard_names
from deepdistill.responses.asking import named_teachers
from deepdistill.responses.only import asked_queries
from deepdistill.schemas import RESPONSES, SHARD, VERDICTS, difficulty
from deepdistill.selection.select import select
from deepdistill.tables import read_artifact, write_artifact

PAPER: Mapping[str, Mapping[str, Sequence[int]]] = {
    "math": {
        "R1": (58, 27, 23, 35, 685),
        "7B": (72, 34, 39, 73, 611),
        "1.5B": (93, 52, 57, 97, 530),
    },
    "code": {
        "R1": (114, 20, 12, 27, 315),
        "7B": (128, 59, 48, 127, 127),
        "1.5B": (218, 79, 80, 68, 45),
    },
    "science": {"R1": (8, 5, 6, 12, 61), "7B": (16, 11, 12, 16, 36), "1.5B": (27, 16, 15, 15, 19)},
    "instruction_following": {
        "R1": (21, 5, 4, 5, 42),
        "7B": (20, 9, 8, 10, 29),
        "1.5B": (27, 10, 9, 11, 20),
    },
}
"""Thousands of queries with a pass rate of 0, 0.25, 0.5, 0.75 and 1, read off the histogram of
arXiv 2504.17565, by category and teacher."""

Cells = Sequence[Any]


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--results", default="results", help="folder of a finished run's results")
    parser.add_argument("--configfile", default="config/config.yaml", help="its configuration")
    parser.add_argument("--teacher", default="strong", help="the teacher to be asked less")
    parser.add_argument("--only", default="pass_rate_medium < 1", help="the condition")
    args = parser.parse_args(argv)
    config = check_config(yaml.safe_load(Path(args.configfile).read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        run = Comparison(config, Path(args.results), Path(folder), args.teacher, args.only)
        print(f"{args.teacher}, only: {args.only}\n")
        table("category queries asked undefined responses.saved tokens.saved", run.savings())
        table("set category with lost gained now", run.sets("category"))
        table("set grade with lost gained now", run.sets("grade"))
    print_paper()


def print_paper() -> None:
    print("The paper's teachers, thousands of queries; R1, only: the other's pass rate < 1\n")
    header = "other category queries responses.saved stage.I lost at.least if.independent at.most"
    table(header, paper())


class Comparison:
    """A run's sets as they are, and as they were if the teacher had been asked less."""

    def __init__(
        self, config: dict[str, Any], results: Path, folder: Path, teacher: str, only: str
    ) -> None:
        self._config, self._teacher = config, teacher
        names = [f"{name}.parquet" for name in shard_names(config["shards"])]
        self._whole = [results / "verdicts" / teacher / name for name in names]
        self._less = [folder / name for name in names]
        whole, less, self._counts = [], [], []
        for index, name in enumerate(names):
            queries = read_artifact(results / "queries/shards" / name, SHARD)
            paths = {t: results / "verdicts" / t / name for t in config["teachers"]}
            asked = self._asked(queries, only, paths)
            verdicts = {t: read_artifact(path, VERDICTS) for t, path in paths.items()}
            whole.append(self._measured(queries, verdicts))
            kept = verdicts[teacher].filter(_among(verdicts[teacher], asked))
            write_artifact(self._less[index], VERDICTS, kept)
            less.append(self._measured(queries, {**verdicts, teacher: kept}))
            responses = read_artifact(results / "responses" / teacher / name, RESPONSES)
            self._counts.append(self._counted(queries, asked, only, paths, responses))
        artifact = difficulty(list(config["teachers"]))
        self._tables = folder / "whole.parquet", folder / "less.parquet"
        for path, tables in zip(self._tables, (whole, less), strict=True):
            write_artifact(path, artifact, pa.concat_tables(tables))

    def _asked(self, queries: pa.Table, where: str, paths: Mapping[str, Path]) -> pa.Table:
        named = named_teachers(where, self._config["teachers"])
        measures = {name: self._config["difficulty"][name] for name in ("ddof", "policies")}
        only = {"where": where, "teachers": named, **measures}
        return asked_queries(queries, only, [paths[name] for name in named])

    def _measured(self, queries: pa.Table, verdicts: Mapping[str, pa.Table]) -> pa.Table:
        settings = self._config["difficulty"]
        return measure_difficulty(queries, verdicts, settings["ddof"], settings["grades"])

    def _counted(
        self,
        queries: pa.Table,
        asked: pa.Table,
        only: str,
        paths: Mapping[str, Path],
        responses: pa.Table,
    ) -> pd.DataFrame:
        """A row per query: category, whether it is asked, its responses and tokens."""
        undefined = self._asked(queries, f"({only}\n) is null", paths)
        frame: pd.DataFrame = queries.select(["query_id", "category"]).to_pandas()
        frame["asked"] = _among(queries, asked).to_pandas()
        frame["undefined"] = _among(queries, undefined).to_pandas()
        of = responses.to_pandas().groupby("query_id")["tokens_out"].agg(["size", "sum"])
        return frame.join(of, on="query_id")

    def savings(self) -> Iterator[Cells]:
        """Yield by category the queries, those that are asked, and what that saves."""
        counts = pd.concat(self._counts)
        everything = [("all", counts)]
        for name, part in [*counts.groupby("category"), *everything]:
            saved = part[~part["asked"]]
            yield [
                name,
                len(part),
                int(part["asked"].sum()),
                int(part["undefined"].sum()),
                _share(saved["size"].sum(), part["size"].sum()),
                _share(saved["sum"].sum(), part["sum"].sum()),
            ]

    def sets(self, by: str) -> Iterator[Cells]:
        """Yield by set and category or grade the rows before, lost, gained and after."""
        grades = read_artifact(self._tables[0], difficulty(list(self._config["teachers"])))
        grade = dict(zip(*(grades[n].to_pylist() for n in ("query_id", "grade")), strict=True))
        for name, settings in self._config["selection"].items():
            if settings["teacher"] != self._teacher:
                continue
            before = self._selected(name, self._tables[0], self._whole)
            after = self._selected(name, self._tables[1], self._less)
            both = before.merge(after, how="outer", indicator="where")
            both["grade"] = both["query_id"].map(grade)
            for value, part in [*both.groupby(by), ("all", both)]:
                lost = int((part["where"] == "left_only").sum())
                gained = int((part["where"] == "right_only").sum())
                size = len(part) - gained
                yield name, value, size, lost, gained, size - lost + gained

    def _selected(self, name: str, table: Path, verdicts: Sequence[Path]) -> pd.DataFrame:
        settings = self._config["selection"][name]
        rows = select(name, table, verdicts, settings, self._config["seed"]).rows
        frame: pd.DataFrame = rows.select(["query_id", "pass", "category"]).to_pandas()
        return frame


def paper() -> Iterator[Cells]:
    """Yield, for both smaller teachers, what is saved and the bounds of what stage I loses.

    Stage I takes what R1 solves in some but not all passes. The other's always solved queries are
    a share b of all, stage I's a share a; they overlap in max(0, a + b - 1) at least, min(a, b) at
    most, and a * b if the two have nothing to do with each other.
    """
    for other in ("7B", "1.5B"):
        sums = [0.0] * 6
        for category, histograms in PAPER.items():
            total = sum(histograms["R1"])
            solved = histograms[other][-1] / sum(histograms[other])
            some = sum(histograms["R1"][1:-1]) / total
            lost = max(0.0, some + solved - 1), some * solved, min(some, solved)
            cells = [total, total * solved, total * some, *(total * part for part in lost)]
            sums = [a + b for a, b in zip(sums, cells, strict=True)]
            yield _paper_row(other, category, cells)
        yield _paper_row(other, "all", sums)


def _paper_row(other: str, category: str, cells: Sequence[float]) -> Cells:
    total, saved, some, *lost = cells
    share = " to ".join(f"{100 * part / some:.0f}" for part in (lost[0], lost[2]))
    return [
        other,
        category,
        f"{total:.0f}",
        _share(saved, total),
        f"{some:.0f}",
        f"{share} %",
        *(f"{part:.1f}" for part in lost),
    ]


def _among(rows: pa.Table, queries: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(rows["query_id"], value_set=queries["query_id"].combine_chunks())


def _share(some: float, of: float) -> str:
    return f"{some:,.0f} ({100 * some / of:.1f} %)"


def table(header: str, rows: Iterator[Cells]) -> None:
    """Print rows as Markdown; dots in the header are blanks."""
    names = header.split()
    print(f"| {' | '.join(name.replace('.', ' ') for name in names)} |")
    print("|" + "---|" * len(names))
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
