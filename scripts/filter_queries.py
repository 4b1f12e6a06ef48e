"""Drop duplicates and queries that repeat a benchmark's question, over all sources at once."""

import argparse
import json
import sys

from deepdistill.errors import exit_code
from deepdistill.queries.duplicates import DuplicateIndex
from deepdistill.queries.filter import QueryFilter, read_benchmarks
from deepdistill.schemas import QUERIES
from deepdistill.tables import write_batches


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", required=True, nargs="+", help="cleaned sources, first wins")
    parser.add_argument("--benchmarks", nargs="*", default=[], help="benchmarks' JSON lines")
    parser.add_argument(
        "--config", required=True, type=json.loads, help="near_duplicates, benchmarks …, JSON"
    )
    parser.add_argument("--outputs", required=True, nargs="+", help="artifacts, as the sources")
    args = parser.parse_args(argv)
    config = args.config
    files = [
        (name, path, field)
        for (name, field), path in zip(config["benchmarks"], args.benchmarks, strict=True)
    ]
    benchmarks = read_benchmarks(files, config["contamination_ngram"])
    queries = QueryFilter(DuplicateIndex(config["near_duplicates"]), benchmarks)
    for source, output in zip(args.sources, args.outputs, strict=True):
        write_batches(output, QUERIES, queries.batches(source))


if __name__ == "__main__":
    sys.exit(exit_code(main))
