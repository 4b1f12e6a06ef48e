from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepdistill.config import check_config
from deepdistill.files import read_json, write_json
from deepdistill.plan.cluster import Cluster
from deepdistill.plan.estimate import Estimator
from deepdistill.plan.rates import MEASURED, read_rates
from deepdistill.plan.record import Recorder, done_work
from deepdistill.plan.runs import RUNS, read_runs
from deepdistill.plan.session import Session
from deepdistill.plan.typical import typical_jobs
from deepdistill.plan.work import Work, Workload
from deepdistill.report.cost import cost_table, read_costs
from deepdistill.schemas import RESPONSES, SHARD
from deepdistill.tables import from_rows, write_artifact

SHARD_NAME = "00000-of-00002"
METRICS = {
    "rows_computed": 4,
    "rows_kept": 2,
    "seconds": 8.0,
    "tokens_in": 40,
    "tokens_out": 400,
    "repairs": 0,
}


class Clock:
    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with one finished shard of the teacher learner."""
    shard = tmp_path / "results/queries/shards" / f"{SHARD_NAME}.parquet"
    queries = [
        {"query_id": name, "category": category, "source": "s", "source_line": 1}
        for name, category in (("a", "math"), ("b", "code"))
    ]
    write_artifact(shard, SHARD, from_rows(SHARD, queries))
    made = tmp_path / "results/responses/learner" / f"{SHARD_NAME}.parquet"
    rows = [
        {"query_id": query, "pass": number, "tokens_out": tokens, "answer": answer}
        for number in (1, 2, 3)
        for query, tokens, answer in (("a", 100, "7"), ("b", 50, None))
    ]
    write_artifact(made, RESPONSES, from_rows(RESPONSES, rows))
    write_json(made.with_suffix(".metrics.json"), METRICS)
    return tmp_path / "results"


@pytest.fixture
def session(root: Path, results: Path) -> Session:
    settings = yaml.safe_load((root / "tests/staleness/config.yaml").read_text())
    settings |= {
        "cluster": str(root / "config/cluster.yaml"),
        "pathvars": {"results": str(results)},
    }
    return Session(check_config(settings))


def event(results: Path, number: int = 7) -> dict[str, Any]:
    name = f"learner/{SHARD_NAME}"
    return {
        "jobid": number,
        "rule_name": "generate_responses",
        "wildcards": {"teacher": "learner", "shard": SHARD_NAME},
        "input": [f"{results}/queries/shards/{SHARD_NAME}.digest.json"],
        "output": [f"{results}/responses/{name}.parquet (update)"],
        "reason": "",
        "shellcmd": "python scripts/generate_responses.py",
        "threads": 2,
        "resources": {},
    }


def lines(results: Path) -> list[Mapping[str, Any]]:
    """What is recorded of jobs that ended."""
    return [line for line in events(results) if "event" not in line]


def events(results: Path) -> list[Mapping[str, Any]]:
    (path,) = (results / RUNS).iterdir()
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_finished_job_is_recorded_and_teaches(
    session: Session, results: Path, root: Path
) -> None:
    clock = Clock()
    recorder = Recorder(session, clock)
    recorder.take("job_info", event(results))
    clock.now += 10
    recorder.take("job_finished", {"job_id": 7})
    (line,) = lines(results)
    assert (line["seconds"], line["finished"], line["metrics"]) == (10, True, METRICS)
    assert line["planned_seconds"]["expected"] > 0
    recorder.end()

    rates = read_rates(Cluster.read(root / "config/cluster.yaml"), results)
    expected = {
        "written_per_second.learner": 400 / 8,
        "tokens_in.learner": 10,
        "tokens_out.learner.math": 100,
        "tokens_out.learner.code": 50,
        "answer_share.learner": 0.5,
        "start_up.generate_responses.learner": 2,
    }
    assert set(read_json(results / MEASURED)) == set(expected)
    for name, value in expected.items():
        assert rates.find(name).value == pytest.approx(value), name
        assert rates.find(name).jobs == 1


def test_what_a_condition_leaves_out_is_learned(session: Session, results: Path) -> None:
    digest = f"{results}/queries/shards/{SHARD_NAME}.digest.json"
    command = f"python scripts/generate_responses.py --queries {digest} --config '{{\"only\": 1}}'"
    shown = {**METRICS, "queries_left_out": 1}
    write_json(results / f"responses/learner/{SHARD_NAME}.metrics.json", shown)
    recorder = Recorder(session, Clock())
    recorder.take("job_info", {**event(results), "shellcmd": command})
    recorder.take("job_finished", {"job_id": 7})
    recorder.end()
    sums = read_json(results / MEASURED)["asked_share.learner"]
    assert sums["amount"] / sums["units"] == 0.5


def test_a_second_run_adds_to_what_is_known(session: Session, results: Path) -> None:
    for _ in range(2):
        recorder = Recorder(session, Clock())
        recorder.take("job_info", event(results))
        recorder.take("job_finished", {"job_id": 7})
        recorder.end()
    assert read_json(results / MEASURED)["written_per_second.learner"]["jobs"] == 2
    assert len(read_runs(results)) == 2


def test_on_a_cluster_the_job_s_own_seconds_count(session: Session, results: Path) -> None:
    clock = Clock()
    recorder = Recorder(session, clock)
    recorder.provided({"nodes": 200})
    recorder.take("job_info", event(results))
    clock.now += 1000
    recorder.take("job_finished", {"job_id": 7})
    recorder.end()
    (line,) = lines(results)
    assert (line["seconds"], line["wall_seconds"]) == (8, 1000)
    assert not any(name.startswith("start_up") for name in read_json(results / MEASURED))


@pytest.mark.parametrize("accounts", [True, False])
def test_what_a_cluster_holds_around_a_job_s_command_is_learned(
    session: Session,
    results: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    accounts: bool,
) -> None:
    sacct = tmp_path / "sacct"
    sacct.write_text(f"#!/bin/sh\necho '123|COMPLETED|14'\nexit {0 if accounts else 1}\n")
    sacct.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    benchmark = tmp_path / "benchmark.tsv"
    recorder = Recorder(session, Clock())
    recorder.provided({"nodes": 200})
    recorder.take("job_info", {**event(results), "benchmark": str(benchmark)})
    recorder.submitted(7, "123")
    benchmark.write_text("s\th:m:s\n9.5\t0:00:09\n")
    recorder.take("job_finished", {"job_id": 7})
    recorder.end()
    measured = read_json(results / MEASURED)
    assert measured["start_up.generate_responses.learner"]["amount"] == 1.5
    assert measured.get("start_up.cluster", {}).get("amount") == (4.5 if accounts else None)


@pytest.mark.parametrize("end", [("job_error", {"jobid": 7}), None])
def test_a_job_that_did_not_finish_teaches_nothing(
    session: Session, results: Path, end: tuple[str, Mapping[str, Any]] | None
) -> None:
    recorder = Recorder(session, Clock())
    recorder.take("job_info", event(results))
    if end:
        recorder.take(*end)
    recorder.end()
    (line,) = lines(results)
    assert not line["finished"]
    assert not (results / MEASURED).exists()
    assert read_costs(results) is None


def test_an_unfinished_line_is_left_out(session: Session, results: Path) -> None:
    recorder = Recorder(session, Clock())
    recorder.take("job_info", event(results))
    recorder.take("job_finished", {"job_id": 7})
    (path,) = (results / RUNS).iterdir()
    path.write_text(path.read_text() + '{"id": 8, "ru')
    assert [line["id"] for line in read_runs(results)] == [7]


def test_the_report_has_planned_beside_actual(session: Session, results: Path) -> None:
    clock = Clock()
    recorder = Recorder(session, clock)
    recorder.take("job_info", event(results))
    clock.now += 3600
    recorder.take("job_finished", {"job_id": 7})
    costs = read_costs(results)
    assert costs is not None
    table = cost_table(costs)
    assert table
    assert [row[:3] for row in table.rows] == [
        ["generate_responses learner", "cores", "1"],
        ["all", "cores", "1"],
    ]
    assert table.rows[0][4] == "2.00"


@pytest.mark.parametrize(
    ("metrics", "rows"),
    [
        ({"rows_computed": 5}, 5),
        ({"responses_computed": 0}, 0),
        ({"steps_computed": 1, "steps_kept": 3}, 2.5),
        ({"steps_computed": 0, "steps_kept": 0}, 0),
        ({}, 10),
    ],
)
def test_work_done_is_that_of_the_metrics(metrics: Mapping[str, Any], rows: float) -> None:
    work = done_work(Work("x", rows={"math": 8.0, "code": 2.0}), metrics)
    assert work.total == pytest.approx(rows)


def test_a_run_says_what_it_is_about_and_what_happens_when_it_happens(
    session: Session, results: Path
) -> None:
    clock = Clock()
    recorder = Recorder(session, clock)
    assert not (results / RUNS).exists()
    recorder.provided({"nodes": 4})
    stats = {"all": 1, "generate_responses": 2, "train": 1, "total": 4}
    recorder.take("run_info", {"stats": stats})
    clock.now += 1
    recorder.take("job_info", {**event(results), "log": ["logs/a.log"]})
    recorder.submitted(7, "123")
    begin, start, submitted = events(results)
    assert begin["jobs"] == {"generate_responses": 2, "train": 1}
    assert begin["process"] == os.getpid()
    assert begin["remote"]
    assert set(begin["planned"]) == set(begin["jobs"])
    assert begin["planned"]["generate_responses"]["seconds"] > 0
    assert (start["id"], start["time"] - begin["time"]) == (7, 1)
    assert start["planned_seconds"]["expected"] > 0
    assert start["logs"] == ["logs/a.log"]
    assert start["outputs"] == [f"{results}/responses/learner/{SHARD_NAME}.parquet"]
    assert submitted == {"event": "submitted", "id": 7, "slurm": "123"}
    recorder.take("job_finished", {"job_id": 7})
    recorder.end()
    assert events(results)[-1] == {"event": "end", "time": clock.now}
    assert [line["id"] for line in read_runs(results)] == [7]


def test_a_run_without_jobs_leaves_no_record(session: Session, results: Path) -> None:
    recorder = Recorder(session, Clock())
    recorder.provided({"nodes": 4})
    recorder.end()
    assert not (results / RUNS).exists()


@pytest.mark.parametrize("name", ["config", "deepdistill-40m", "am-40m", "gsm8k"])
def test_every_rule_has_a_typical_job(root: Path, name: str) -> None:
    config = yaml.safe_load((root / f"config/{name}.yaml").read_text())
    settings = {**config, "cluster": str(root / "config/cluster.yaml"), "data": "data"}
    checked = check_config(settings)
    cluster = Cluster.read(checked["cluster"])
    rates = read_rates(cluster, root / "absent")
    text = "".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    rules = re.findall(r"^ *rule (\w+):", text, re.MULTILINE)
    assert len(rules) > 15
    made = typical_jobs(
        checked, Workload(checked, rates), Estimator(checked, cluster, rates), rules
    )
    assert all(job["seconds"] > 0 for job in made.values())
    assert ("generate_responses" in made) != ("take_responses" in made)
