"""Seconds of scripts/trace.py at the paper's scale, against a plain pandas scan of the same.

The run is built in a temporary folder: 3.34 million queries in four sources, a tenth of them
exact duplicates; one of 334 shards with three teachers' 40,000 responses each; two selected sets
over all shards, and what they left out. Both are commands of their own, so that starting Python
counts; each is the median of five, after one that warms the files. The scan reads the same columns
of the same files: whole columns of the sources, of the teachers' shards and of the sets.

    make benchmark NAME=trace
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.keys import shard_names
from deepdistill.schemas import (
    LEFT_OUT,
    QUERIES,
    RESPONSES,
    SELECTED,
    SHARD,
    STATES,
    VERDICTS,
    Artifact,
    difficulty,
)
from deepdistill.tables import write_artifact, write_batches

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "trace.py"

QUERY_ROWS = 3_340_000
SOURCES = ("first", "second", "third", "fourth")
TEACHERS = ("small", "middle", "large")
SHARDS = 334
SHARD_QUERIES = 10_000
PASSES = 4
SELECTED_ROWS = 800_000
RUNS = 5
BATCH = 8192

CONFIG = {
    "shards": SHARDS,
    "sources": {name: {"path": f"{name}.jsonl", "category": "math"} for name in SOURCES},
    "teachers": {
        name: {"backend": "transformers", "model": f"models/{name}", "passes": PASSES}
        for name in TEACHERS
    },
    "selection": {name: {"rule": "all_correct", "teacher": "large"} for name in ("one", "two")},
}

SCAN = """
import json
import sys
from pathlib import Path

import pandas as pd

results, shard, query = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
columns = ["source", "source_line", "query_id", "drop_reason", "duplicate_of"]
frames = [pd.read_parquet(p, columns=columns) for p in results.glob("queries/*.parquet")]
found = [f[(f["query_id"] == query) | (f["duplicate_of"] == query)] for f in frames]
for kind, columns in (
    ("verdicts", ["query_id", "pass", "state", "verify_score", "verifier", "detail", "perplexity"]),
    ("responses", ["query_id", "pass", "tokens_out"]),
):
    for path in results.glob(f"{kind}/*/{shard}.parquet"):
        frame = pd.read_parquet(path, columns=columns)
        found.append(frame[frame["query_id"] == query])
for path in [results / "queries" / "shards" / f"{shard}.parquet",
             results / "difficulty" / "table.parquet",
             *results.glob("selected/*.parquet")]:
    frame = pd.read_parquet(path, filters=[("query_id", "==", query)])
    found.append(frame[frame["query_id"] == query])
print(json.dumps([len(frame) for frame in found]))
"""


def ids(rng: np.random.Generator, count: int) -> list[str]:
    """Return random query ids."""
    digits = rng.bytes(16 * count).hex()
    return [digits[i : i + 32] for i in range(0, 32 * count, 32)]


def filled(artifact: Artifact, columns: dict[str, object], rows: int) -> pa.Table:
    """Return a table of an artifact: the given columns, and one value in each of the others."""
    values = {"string": "made up", "int32": 1, "int64": 1, "double": 0.5, "bool": True}
    arrays = [
        pa.array(columns[f.name], f.type)
        if f.name in columns
        else pa.repeat(pa.scalar(values[str(f.type)], f.type), rows)
        for f in artifact.schema
    ]
    return pa.table(arrays, schema=artifact.schema)


def questions(queries: list[str]) -> list[list[dict[str, str]]]:
    """Return a question for each id, some 200 characters long."""
    return [[{"role": "user", "content": f"What becomes of {q[:8] * 20}?"}] for q in queries]


def source_batches(
    rng: np.random.Generator, name: str, rows: int, first: list[str]
) -> Iterator[pa.RecordBatch]:
    """Yield a source's rows, in batches as the workflow writes them; ``first`` are its first."""
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        queries = [*first[start : start + count]]
        queries += ids(rng, count - len(queries))
        # A repeat has the id of an earlier row of the same batch.
        repeats = [i for i in range(count) if i % 10 == 9]
        for i in repeats:
            queries[i] = queries[i - 5]
        again = set(repeats)
        yield filled(
            QUERIES,
            {
                "source": [name] * count,
                "source_line": range(start + 1, start + count + 1),
                "query_id": queries,
                "category": ["math"] * count,
                "messages": questions(queries),
                "kept": [i not in again for i in range(count)],
                "drop_reason": ["exact_duplicate" if i in again else None for i in range(count)],
                "detail": [None] * count,
                "duplicate_of": [queries[i] if i in again else None for i in range(count)],
            },
            count,
        ).to_batches()[0]


def build(folder: Path) -> tuple[str, str]:
    """Build the run; return its shard and one query of it that has a duplicate."""
    rng = np.random.default_rng(1)
    results, shard = folder / "results", shard_names(SHARDS)[0]
    (folder / "config.json").write_text(json.dumps(CONFIG))
    # Ids of the first shard start with less than 2**128 / 334.
    kept = [
        f"{number:04x}{query[4:]}"
        for number, query in zip(
            rng.integers(0, 0x10000 // SHARDS, SHARD_QUERIES), ids(rng, SHARD_QUERIES), strict=True
        )
    ]
    for name in SOURCES:
        first = kept if name == SOURCES[-1] else []
        rows = QUERY_ROWS // len(SOURCES)
        batches = source_batches(rng, name, rows, first)
        write_batches(results / f"queries/{name}.parquet", QUERIES, batches)
    columns = {"query_id": kept, "messages": questions(kept)}
    table = filled(SHARD, columns, len(kept))
    write_artifact(results / f"queries/shards/{shard}.parquet", SHARD, table)
    measured = difficulty(TEACHERS)
    everything = kept + ids(rng, QUERY_ROWS - len(kept))
    write_artifact(
        results / "difficulty/table.parquet",
        measured,
        filled(measured, {"query_id": everything}, len(everything)),
    )
    asked = {"query_id": np.repeat(kept, PASSES), "pass": np.tile(range(1, PASSES + 1), len(kept))}
    rows = len(kept) * PASSES
    texts = [digits * 60 for digits in ids(rng, rows)]
    states = [STATES[i % 2] for i in range(rows)]
    for name in TEACHERS:
        table = filled(RESPONSES, {**asked, "thinking": texts}, rows)
        write_artifact(results / f"responses/{name}/{shard}.parquet", RESPONSES, table)
        table = filled(VERDICTS, {**asked, "state": states}, rows)
        write_artifact(results / f"verdicts/{name}/{shard}.parquet", VERDICTS, table)
    query = kept[4]
    for name in ("one", "two"):
        others = kept[:4000] + ids(rng, SELECTED_ROWS - 4000)
        table = filled(SELECTED, {"query_id": others}, len(others))
        write_artifact(results / f"selected/{name}.parquet", SELECTED, table)
        others = [*ids(rng, QUERY_ROWS - SELECTED_ROWS), *([query] if name == "two" else [])]
        table = filled(LEFT_OUT, {"query_id": others}, len(others))
        write_artifact(results / f"selected/{name}.left_out.parquet", LEFT_OUT, table)
    return shard, query


def processor() -> float:
    """Return the processor time of all commands so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds(*words: str) -> tuple[float, float, str]:
    """Return the medians of the seconds and of the processor time of a command, and its output."""
    taken, used = [], []
    printed = ""
    for _ in range(RUNS + 1):
        start, before = time.perf_counter(), processor()
        result = subprocess.run(
            [sys.executable, *words], capture_output=True, text=True, check=True
        )
        taken.append(time.perf_counter() - start)
        used.append(processor() - before)
        printed = result.stdout
    return statistics.median(taken[1:]), statistics.median(used[1:]), printed


def main() -> None:
    """Build the run, trace a query in both ways and print the ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shard, query = build(folder)
        results = str(folder / "results")
        script = [str(SCRIPT), "--json"]
        script += ["--configfile", str(folder / "config.json"), "--results", results]
        ours, ours_used, printed = seconds(*script, query)
        trace = json.loads(printed)
        plain, plain_used, rows = seconds("-c", SCAN, results, shard, query)
        found = len(trace["origin"]["stands_for"]) + 1
        found += 2 * sum(map(len, trace["passes"].values())) + 2
        found += sum(len(entry["responses"]) for entry in trace["sets"])
        found += sum(entry["left_out"] is not None for entry in trace["sets"])
        assert found == sum(json.loads(rows)), (found, rows)
    print(f"queries {QUERY_ROWS}, rows of the query {found}")
    print(f"trace {ours:.2f} s, {ours_used:.2f} s of processor time")
    print(f"pandas {plain:.2f} s, {plain_used:.2f} s of processor time")
    print(f"ratio trace {plain / ours:.1f}")


if __name__ == "__main__":
    main()
