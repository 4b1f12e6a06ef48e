"""Rows per second of collecting and reading published responses, against plain pyarrow.

The data is generated in the layout of the published 40M set: Parquet files of one teacher's four
passes over the same questions, with its fourteen columns, questions of some 300 characters and
answers of some 5,000. Every tenth question of a pass is no query, and every tenth that is one has
other white space than the query.

- *questions*: from the files to query ids and scores, among 3.34 million queries, answers not
  read; against pyarrow reading these two columns.
- *shard*: one shard's rows of the collected artifact, against pyarrow reading the same row groups.
- *collect*: all of it, in a process of its own, with the most memory that it had.

Seconds are those of processor time, of all threads together.

    make benchmark NAME=published
    make benchmark NAME=published ARGS="--questions 200000"
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from deepdistill.files import read_json
from deepdistill.keys import query_id, shard_names, shard_of
from deepdistill.queries.clean import identity_text
from deepdistill.responses.published.collect import collect_published
from deepdistill.responses.published.columns import Wanted
from deepdistill.responses.published.files import data_files
from deepdistill.responses.published.questions import QuestionIndex, kept_questions
from deepdistill.responses.published.reading import read_batches
from deepdistill.schemas import PUBLISHED, QUERIES
from deepdistill.tables import from_rows, read_range, write_batches

QUERIES_IN_ALL = 3_340_000
PASSES = 4
QUESTION, ANSWER = 300, 5_000
SHARD_QUERIES = 3_340
ROUNDS = 5
BATCH = 4096
CONFIG = {
    "files": "*_{pass}pass.parquet",
    "question": "question",
    "response": "answer",
    "score": "verify_score",
}
TEXTS = ("question_source", "answer_source", "category", "ground_truth", "model_name")
NULLS = ("test_case", "instruction_constrain")
NUMBERS = ("pass_rate_r1", "pass_rate_7b", "pass_rate_1.5b", "verify_score", "ppl")


@cache
def prose(length: int = 32_000_000) -> str:
    """Return random words, always the same, which compress about as well as English."""
    rng = random.Random(1)
    known = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 10))) for _ in range(3000)]
    return " ".join(rng.choices(known, k=length // 7))


def excerpt(number: int, length: int) -> str:
    """Return some prose, from a place that depends on the number."""
    text = prose()
    start = number * 7_919 % (len(text) - 2 * ANSWER)
    return text[start : start + length]


def question(number: int) -> str:
    """Return a question as it is published."""
    text = f"Question {number}: {excerpt(number, QUESTION)}?"
    return text.replace(" ", "  ", 1) if number % 10 == 0 else text


def query(number: int) -> tuple[str, str]:
    """Return the id and the text of a query."""
    text = f"Question {number}: {excerpt(number, QUESTION)}?"
    return query_id("math", identity_text(text)), text


def write_queries(path: Path, questions: int) -> None:
    """Write a filtered source with these questions as its queries."""

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, questions, BATCH):
            numbers = range(start, min(start + BATCH, questions))
            rows = [
                {
                    "source": "made",
                    "source_line": number + 1,
                    "query_id": name,
                    "category": "math",
                    "messages": [{"role": "user", "content": text}],
                    "kept": True,
                }
                for number, (name, text) in zip(numbers, map(query, numbers), strict=True)
            ]
            yield from from_rows(QUERIES, rows).to_batches()

    write_batches(path, QUERIES, batches())


def write_data(folder: Path, questions: int) -> None:
    """Write a file for each pass, each in an order of its own."""
    folder.mkdir()
    for number in range(1, PASSES + 1):
        rng = random.Random(number)
        asked = [q + QUERIES_IN_ALL * (q % 10 == 9) for q in range(questions)]
        rng.shuffle(asked)
        tables = (data_table(asked[i : i + BATCH], rng) for i in range(0, questions, BATCH))
        first = next(tables)
        path = folder / f"math_r1_{number}pass.parquet"
        with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)


def data_table(asked: list[int], rng: random.Random) -> pa.Table:
    """Return published rows of some questions."""
    lengths = [rng.randint(ANSWER // 2, ANSWER * 3 // 2) for _ in asked]
    answers = [excerpt(rng.getrandbits(40), length) for length in lengths]
    return pa.table(
        {
            "question": [question(number) for number in asked],
            "answer": [f"<think>{a}</think><answer>{len(a)}</answer>" for a in answers],
            **{name: [name] * len(asked) for name in TEXTS},
            **{name: pa.nulls(len(asked), pa.string()) for name in NULLS},
            **dict.fromkeys(NUMBERS, np.array(asked, np.float32) % 2),
        }
    )


def seconds(function: Callable[[], object]) -> float:
    """Return what a call takes, in seconds of processor time."""
    start = time.process_time()
    function()
    return time.process_time() - start


def in_turn(ours: Callable[[], object], plain: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of the seconds of two functions, called in turn after a warm-up."""
    ours(), plain()
    rounds = [(seconds(ours), seconds(plain)) for _ in range(ROUNDS)]
    return statistics.median(r[0] for r in rounds), statistics.median(r[1] for r in rounds)


def every_query(queries: Path, questions: int) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the queries of the source, and others that nothing is published of."""
    yield from kept_questions([queries])
    for start in range(questions, QUERIES_IN_ALL, BATCH):
        others = [query(n + 2 * QUERIES_IN_ALL) for n in range(start, start + BATCH)]
        yield [name for name, _ in others], [text for _, text in others]


def time_questions(data: Path, queries: Path, questions: int) -> None:
    """Print how fast questions become query ids."""
    files = data_files(data, CONFIG["files"])
    wanted = Wanted({"question": CONFIG["question"]}, {"score": CONFIG["score"]})
    index = QuestionIndex(every_query(queries, questions))
    matched = []

    def ours() -> None:
        fresh = copy.copy(index)  # it has seen no text yet
        rows = 0
        for file in files:
            for batch in read_batches(file.path, wanted):
                places, _ = fresh.find(batch["question"])
                rows += len(batch["score"].take(pa.array(places)))
        matched.append(rows)

    def plain() -> None:
        for file in files:
            with pq.ParquetFile(file.path) as stream:
                for _ in stream.iter_batches(columns=wanted.fields):
                    pass

    our_time, plain_time = in_turn(ours, plain)
    assert {*matched} == {PASSES * (questions - questions // 10)}, matched
    rows = PASSES * questions
    print(f"questions: rows {rows}, queries {QUERIES_IN_ALL}, rows matched {matched[0]}")
    print(f"ours {rows / our_time:,.0f} rows/s, pyarrow {rows / plain_time:,.0f} rows/s")
    print(f"ratio questions {plain_time / our_time:.2f}")


def time_collection(folder: Path) -> None:
    """Print how fast everything is collected, by a process that does nothing else."""
    printed = subprocess.run(
        [sys.executable, __file__, "--collect", str(folder)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    taken = json.loads(printed)
    counts = read_json(folder / "published.metrics.json")
    rows, size, busy = counts["rows_read"], counts["bytes"] / 1e6, taken["busy"]
    print(
        f"collect: rows {rows}, {size:,.0f} MB of questions and answers, in {taken['wall']:.1f} s"
    )
    print(f"ours {rows / busy:,.0f} rows/s, {size / busy:.0f} MB/s")
    print(f"memory {taken['before'] / 1e3:.0f} MB before, at most {taken['peak'] / 1e3:.0f} MB")


def collect(folder: Path) -> None:
    """Collect what lies in ``folder``, and print seconds and memory (kB) as JSON."""
    output, metrics = folder / "published.parquet", folder / "published.metrics.json"
    files = data_files(folder / "data", CONFIG["files"])
    before = peak()
    start = time.perf_counter()
    busy = seconds(
        lambda: collect_published(files, [folder / "queries.parquet"], CONFIG, output, metrics)
    )
    wall = time.perf_counter() - start
    print(json.dumps({"wall": wall, "busy": busy, "before": before, "peak": peak()}))


def peak() -> int:
    """Return the most memory that this process had until now, in kB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def time_shard(published: Path, questions: int) -> None:
    """Print how fast one shard's rows are read."""
    shards = max(1, questions // SHARD_QUERIES)
    ids = [query(number)[0] for number in range(questions)]
    first = [name for name in ids if shard_of(name, shards) == shard_names(shards)[shards // 2]]
    low, high = min(first), max(first)
    table = read_range(published, PUBLISHED, low, high)
    stream = pq.ParquetFile(published)
    groups = [
        group
        for group in range(stream.num_row_groups)
        for found in [stream.metadata.row_group(group).column(0).statistics]
        if found.min <= high and found.max >= low
    ]
    held = sum(stream.metadata.row_group(group).num_rows for group in groups)
    our_time, plain_time = in_turn(
        lambda: read_range(published, PUBLISHED, low, high),
        lambda: pq.ParquetFile(published).read_row_groups(groups),
    )
    size = table["text"].nbytes / 1e6
    print(
        f"shard: rows {len(table)} of {stream.metadata.num_rows}, {size:.0f} MB of texts; "
        f"row groups read {len(groups)} of {stream.num_row_groups}, rows in them {held}"
    )
    print(f"ours {size / our_time:,.0f} MB/s, pyarrow {size / plain_time:,.0f} MB/s")
    print(f"ratio shard {plain_time / our_time:.2f}")


def main() -> None:
    """Make the data, time the three and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=30_000, help="default: 30000")
    parser.add_argument("--collect", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.collect:
        collect(args.collect)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_queries(folder / "queries.parquet", args.questions)
        write_data(folder / "data", args.questions)
        time_questions(folder / "data", folder / "queries.parquet", args.questions)
        time_collection(folder)
        time_shard(folder / "published.parquet", args.questions)


if __name__ == "__main__":
    main()
