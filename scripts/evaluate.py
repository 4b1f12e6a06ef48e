"""Measure one model on one benchmark: writes the result and every generation behind it."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from deepdistill.errors import exit_code
from deepdistill.evaluation.run import evaluate_model
from deepdistill.models import work_offline


def main(argv: list[str]) -> None:
    """Command line of the evaluation step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, type=json.loads, help="sampling, as JSON")
    parser.add_argument("--code-digest", required=True)
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--model-name", required=True, help="the model's name in the result")
    parser.add_argument("--benchmark", required=True, help="the benchmark's name in the result")
    parser.add_argument("--data", required=True, help="questions and answers, JSON lines")
    parser.add_argument("--task", required=True, help="lm-eval task file, NAME.yaml of task NAME")
    parser.add_argument("--output", required=True, help="RESULT.json to write")
    parser.add_argument("--workers", type=int, default=1, help="verifier processes")
    options = parser.parse_args(argv)
    logging.getLogger("lm_eval").setLevel(logging.WARNING)
    work_offline()
    evaluate_model(
        options.config,
        options.seed,
        options.model,
        options.model_name,
        options.benchmark,
        options.data,
        options.task,
        options.output,
        options.code_digest,
        options.workers,
    )


if __name__ == "__main__":
    sys.exit(exit_code(main))
