"""Fetch a data set of the Hugging Face hub as JSON lines."""

import argparse
import json
import sys

from deepdistill.errors import exit_code
from deepdistill.queries.fetch import fetch_data


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", required=True, type=json.loads, help="dataset, revision and files, JSON"
    )
    parser.add_argument("--output", required=True, help="JSON lines; beside them NAME.json")
    args = parser.parse_args(argv)
    config = args.config
    fetch_data(config["dataset"], config["revision"], config["files"], args.output)


if __name__ == "__main__":
    sys.exit(exit_code(main))
