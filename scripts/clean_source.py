"""Read one source: a row for each of its lines, kept or with the reason why not."""

import argparse
import json
import sys

from deepdistill.errors import exit_code
from deepdistill.queries.source import read_source
from deepdistill.schemas import QUERIES
from deepdistill.tables import batched_rows, write_batches


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="name of the source")
    parser.add_argument("--path", required=True, help="JSON lines")
    parser.add_argument("--config", required=True, type=json.loads, help="source settings, JSON")
    parser.add_argument("--output", required=True, help="Parquet artifact queries")
    args = parser.parse_args(argv)
    rows = read_source(args.path, args.name, args.config)
    write_batches(args.output, QUERIES, batched_rows(QUERIES, rows))


if __name__ == "__main__":
    sys.exit(exit_code(main))
