"""Write the report: one self-contained HTML page, and one with examples."""

import argparse
import json
import sys
from pathlib import Path

from deepdistill.errors import exit_code
from deepdistill.files import atomic_path
from deepdistill.report.examples import Artifacts, Settings, render_examples
from deepdistill.report.names import Names
from deepdistill.report.page import Inputs, render


def main(argv: list[str]) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", required=True, nargs="+", help="queries, one per source")
    parser.add_argument("--difficulty", required=True, help="the difficulty table")
    parser.add_argument("--selected", required=True, nargs="*", help="selected sets")
    parser.add_argument("--summaries", required=True, nargs="*", help="summaries of these sets")
    parser.add_argument("--checkpoints", required=True, nargs="*", help="manifests, one per recipe")
    parser.add_argument("--evals", required=True, nargs="*", help="results of evaluations")
    parser.add_argument("--overruled", nargs="?", help="counts of rule and judge, with a judge")
    parser.add_argument("--results", required=True, type=Path, help="folder of all artifacts")
    parser.add_argument("--hits", nargs="?", help="queries that repeat a benchmark's question")
    parser.add_argument("--config", required=True, type=json.loads, help="names to show, JSON")
    parser.add_argument("--examples", required=True, type=json.loads, help="what to draw, JSON")
    parser.add_argument("--output", required=True, type=Path, help="folder for both pages")
    args = parser.parse_args(argv)
    inputs = Inputs(
        args.queries,
        args.difficulty,
        args.selected,
        args.summaries,
        args.checkpoints,
        args.evals,
        args.overruled,
        args.results,
        args.hits,
    )
    names, index = Names.from_config(args.config), render(args.config, inputs)
    selected = dict(zip(names.sets, args.selected, strict=True))
    artifacts = Artifacts(args.difficulty, selected, args.results)
    examples = render_examples(names, Settings.from_config(args.examples), artifacts)
    for name, page in (("index.html", index), ("examples.html", examples)):
        with atomic_path(args.output / name) as temporary:
            temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(exit_code(main))
