"""Print where a query or a training sample came from, and why it is there."""

import argparse
import json
import sys

from deepdistill.errors import exit_code
from deepdistill.trace.run import Run, read_config
from deepdistill.trace.text import as_text
from deepdistill.trace.trace import trace_query, trace_sample


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("query", nargs="?", help="a query id, or its beginning")
    parser.add_argument(
        "--dataset", help="instead: folder of a data set or one of its files, with --line"
    )
    parser.add_argument("--line", type=int, help="a row of the data set, 1-based")
    parser.add_argument("--configfile", default="config/config.yaml", help="as for Snakemake")
    parser.add_argument("--results", help="folder, if not the configuration's")
    parser.add_argument("--data", help="folder that {data} stands for in the configuration")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args(argv)
    if (args.query is None) == (args.dataset is None) or (args.dataset is None) != (
        args.line is None
    ):
        parser.error("give either a query id, or --dataset and --line")
    run = Run(read_config(args.configfile, args.results, args.data))
    if args.query is None:
        trace = trace_sample(run, args.dataset, args.line)
    else:
        trace = trace_query(run, args.query)
    text = json.dumps(trace, indent=2, ensure_ascii=False) + "\n" if args.json else as_text(trace)
    sys.stdout.write(text)


if __name__ == "__main__":
    sys.exit(exit_code(main))
