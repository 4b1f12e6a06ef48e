"""A report of what is there: where a configuration's artifacts lie, and which are not made yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepdistill import slices
from deepdistill.report.examples import Artifacts, Settings, render_examples
from deepdistill.report.missing import Inputs, Missing, absent
from deepdistill.report.names import Names
from deepdistill.report.page import render


def pages_so_far(config: Mapping[str, Any], command: str) -> dict[str, str]:
    """Return the report's pages, file name → HTML, of the artifacts of ``config`` there are.

    ``command``, such as "snakemake --profile profiles/local", is what makes the others.
    """
    inputs = _inputs(config)
    names = slices.report(config)
    return {
        "index.html": render(names, inputs, command),
        "examples.html": _examples(config, Names.from_config(names), inputs, command),
    }


def _inputs(config: Mapping[str, Any]) -> Inputs:
    """The artifacts that the rule ``report`` shows."""
    results = Path(config["pathvars"]["results"])
    evaluation, judge = config["evaluation"], "judge" in config["verification"]
    return Inputs(
        queries=[results / "queries" / f"{name}.digest.json" for name in config["sources"]],
        difficulty=results / "difficulty" / "table.digest.json",
        selected=[results / "selected" / f"{name}.digest.json" for name in config["selection"]],
        summaries=[results / "selected" / f"{name}.summary.json" for name in config["selection"]],
        checkpoints=[
            results / "checkpoints" / name / "checkpoint.json"
            for name in config["training"]["recipes"]
        ],
        evals=[
            results / "evals" / model / f"{benchmark}.json"
            for model in evaluation["models"]
            for benchmark in evaluation["benchmarks"]
        ],
        overruled=results / "judgements" / "overruled.json" if judge else None,
        results=results,
        hits=results / "contamination" / "hits.digest.json",
    )


def _examples(config: Mapping[str, Any], names: Names, inputs: Inputs, command: str) -> str:
    settings = Settings.from_config(slices.examples(config))
    results = Path(config["pathvars"]["results"])
    folders = ["queries/shards"]
    folders += [f"{rows}/{t}" for t in names.teachers for rows in ("responses", "verdicts")]
    rows = [results / f / f"{shard}.digest.json" for f in folders for shard in settings.shown]
    missing = Missing(absent([inputs.difficulty, *rows]), command)
    pairs = zip(names.sets, inputs.selected, strict=True)
    selected = {name: path for name, path in pairs if not absent([path])}
    artifacts = Artifacts(inputs.difficulty, selected, results)
    return render_examples(names, settings, artifacts, missing)
