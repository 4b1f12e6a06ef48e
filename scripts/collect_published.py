"""Collect a teacher's published responses to the kept queries, sorted by query and pass."""

import argparse
import json
import sys

from deepdistill.artifacts import metrics_path
from deepdistill.errors import exit_code
from deepdistill.responses.published.collect import collect_published
from deepdistill.responses.published.files import data_files


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="file or folder of published rows")
    parser.add_argument("--queries", required=True, nargs="+", help="filtered sources")
    parser.add_argument("--config", required=True, type=json.loads, help="files and fields, JSON")
    parser.add_argument("--output", required=True, help="Parquet artifact published")
    args = parser.parse_args(argv)
    collect_published(
        files=data_files(args.data, args.config["files"]),
        queries=args.queries,
        config=args.config,
        output=args.output,
        metrics=metrics_path(args.output),
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
