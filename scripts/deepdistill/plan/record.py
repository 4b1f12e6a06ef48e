"""Recording a run: what each job was expected to take, and what it took.

A run appends lines of JSON to ``<results>/runs/<start>.jsonl``, each whole at once, so that a
killed run leaves a readable record: one as it begins, one as each job starts and one as it ends,
one at the end (docs/status.md). What finished jobs show goes to ``<results>/measured.json``, where
the next plan's estimates find it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from deepdistill.artifacts import artifact_path, metrics_path
from deepdistill.cluster.slurm import held_seconds
from deepdistill.errors import InputError
from deepdistill.files import read_json, write_json
from deepdistill.plan.cluster import Cluster
from deepdistill.plan.estimate import Estimate, Estimator
from deepdistill.plan.jobs import Job, job_of_event
from deepdistill.plan.learn import Shown, learn, learn_own_start
from deepdistill.plan.rates import MEASURED, read_rates
from deepdistill.plan.runs import RUNS
from deepdistill.plan.session import Session
from deepdistill.plan.typical import typical_jobs
from deepdistill.plan.work import Work, Workload

SECONDS = 30.0
"""Longest time for which what jobs have shown is not yet in the file of rates."""


class Recorder:
    """Records the jobs of one run.

    Example:
        >>> recorder = Recorder(session)
        >>> recorder.take("job_info", event)
        >>> recorder.take("job_finished", {"job_id": 7})
        >>> recorder.end()
    """

    def __init__(self, session: Session, clock: Callable[[], float] = time.time) -> None:
        self._session = session
        self._clock = clock
        self._results = Path(session.config["pathvars"]["results"])
        start = datetime.fromtimestamp(clock(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._path = self._results / RUNS / f"{start}.jsonl"
        cluster = Cluster.read(session.config["cluster"])
        self._rates = read_rates(cluster, self._results)
        self._workload = Workload(session.config, self._rates)
        self._estimator = Estimator(session.config, cluster, self._rates, cores=session.cores)
        self._started: dict[int, tuple[Job, float]] = {}
        self._remote = False
        self._slurm: dict[int, str] = {}
        self._commands: dict[str, float] = {}
        self._shown: list[Shown] = []
        self._saved = clock()

    def provided(self, event: Mapping[str, Any]) -> None:
        """Take what Snakemake says of the machine: with ``nodes`` jobs run on a cluster."""
        self._remote |= "nodes" in event

    def take(self, event: str, fields: Mapping[str, Any]) -> None:
        """Take an event of a job: ``job_info`` when it starts, then its end."""
        now = self._clock()
        match event:
            case "run_info" if "stats" in fields:
                self._begin(fields["stats"], now)
            case "job_info" if fields.get("shellcmd"):
                job = job_of_event(fields)
                self._started[job.id] = (job, now)
                self._start(job, [str(name) for name in fields.get("log") or ()], now)
            case "job_finished":
                self._end_of(int(fields["job_id"]), now, finished=True)
            case "job_error":
                self._end_of(int(fields["jobid"]), now, finished=False)

    def submitted(self, number: int, slurm: str) -> None:
        """Take the number that SLURM gave a job."""
        self._slurm[number] = slurm
        self._append({"event": "submitted", "id": number, "slurm": slurm})

    def end(self) -> None:
        """Save what was learned; jobs that have not ended are recorded as such."""
        now = self._clock()
        for number in list(self._started):
            self._end_of(number, now, finished=False)
        if self._path.exists():
            self._append({"event": "end", "time": round(now, 3)})
        self._save()  # SLURM may take its time
        self._save(self._held())

    def _begin(self, stats: Mapping[str, int], now: float) -> None:
        """Say who runs, how many jobs there are of each rule, and what one is expected to take."""
        jobs = {rule: n for rule, n in stats.items() if rule not in ("total", "all")}
        typical = typical_jobs(self._session.config, self._workload, self._estimator, list(jobs))
        process = psutil.Process()
        line = {
            "event": "begin",
            "time": round(now, 3),
            "host": socket.gethostname(),
            "process": process.pid,
            "process_started": process.create_time(),
            "remote": self._remote,
            "limits": dict(self._session.limits),
            "jobs": jobs,
            "planned": typical,
        }
        self._append(line)

    def _start(self, job: Job, logs: Sequence[str], now: float) -> None:
        work = self._workload.of(job.rule, job.wildcards)
        line = {
            "event": "start",
            "time": round(now, 3),
            **{"id": job.id, "rule": job.rule, "subject": job.subject},
            "wildcards": dict(job.wildcards),
            "rows": work.total,
            "outputs": list(job.outputs[:1]),
            "logs": list(logs),
            **_planned(job, self._estimator.estimate(work, job.wildcards)),
        }
        self._append(line)

    def _end_of(self, number: int, now: float, finished: bool) -> None:
        if number not in self._started:
            return
        job, started = self._started.pop(number)
        metrics = _metrics(job, started) if finished else {}
        wall = now - started
        # Between the events is also the time in the queue, and Snakemake's own.
        own = _command_seconds(job, started) if finished else None
        if own is None and not self._remote:
            own = wall
        seconds = float(metrics.get("seconds", wall)) if own is None else own
        work = done_work(self._workload.of(job.rule, job.wildcards), metrics)
        estimate = self._estimator.estimate(work, job.wildcards)
        line = {
            "id": job.id,
            "rule": job.rule,
            "subject": job.subject,
            "wildcards": dict(job.wildcards),
            "started": round(started, 3),
            "wall_seconds": round(wall, 3),
            "seconds": round(seconds, 3),
            "finished": finished,
            "metrics": metrics,
            **_planned(job, estimate),
        }
        self._append(line)
        if finished:
            self._shown.append(Shown(job, work, estimate, metrics, own))
            if own is not None and job.id in self._slurm:
                self._commands[self._slurm[job.id]] = own
        if now - self._saved >= SECONDS:
            self._save()

    def _append(self, line: Mapping[str, Any]) -> None:
        """Add a line in one write, which a killed process does or does not."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)

    def _held(self) -> dict[str, float]:
        """How long SLURM's jobs held what they asked for; not known where it keeps no account."""
        try:
            return held_seconds(self._commands)
        except InputError:
            return {}

    def _save(self, held: Mapping[str, float] | None = None) -> None:
        """Add what finished jobs have shown to the file of rates."""
        self._saved = self._clock()
        if not (self._shown or held):
            return
        path = self._results / MEASURED
        try:
            measured = read_json(path)
        except (OSError, ValueError):
            measured = {}
        for shown in self._shown:
            learn(measured, shown, self._rates)
        self._shown.clear()
        for job, seconds in (held or {}).items():
            learn_own_start(measured, seconds, self._commands[job])
        write_json(path, measured)


def _planned(job: Job, estimate: Estimate) -> dict[str, Any]:
    """What a job was expected to take."""
    return {
        "planned_seconds": asdict(estimate.seconds),
        "gpus": estimate.gpus,
        "gpu_kind": estimate.gpu_kind,
        "threads": job.threads,
        "planned_money": estimate.money.expected,
    }


def done_work(work: Work, metrics: Mapping[str, Any]) -> Work:
    """Return the work that a job really did, of what was expected of it."""
    for name in ("rows_computed", "responses_computed"):
        if name in metrics:
            return _scaled(work, float(metrics[name]))
    if "steps_computed" in metrics:
        steps = metrics["steps_computed"] + metrics["steps_kept"]
        return _scaled(work, work.total * metrics["steps_computed"] / (steps or 1))
    return work


def _scaled(work: Work, rows: float) -> Work:
    if not work.total:
        return replace(work, rows={"": rows} if rows else {})
    return replace(work, rows={c: n * rows / work.total for c, n in work.rows.items() if rows})


def _command_seconds(job: Job, started: float) -> float | None:
    """Seconds of the job's command alone, which Snakemake measured where the job ran."""
    try:
        path = Path(job.benchmark or "")
        if not path.is_file() or path.stat().st_mtime < started - 1:
            return None
        header, line = path.read_text(encoding="utf-8").splitlines()[:2]
        return float(dict(zip(header.split("\t"), line.split("\t"), strict=True))["s"])
    except (OSError, ValueError, KeyError):
        return None


def _metrics(job: Job, started: float) -> dict[str, Any]:
    """What a job says of itself in its metrics file, if it wrote one since it started."""
    names = [Path(name) for name in job.outputs if name.endswith("metrics.json")]
    names += [metrics_path(artifact_path(job.outputs[0]))] if job.outputs else []
    for path in names:
        try:
            if path.stat().st_mtime >= started - 1:
                return dict(read_json(path))
        except (OSError, ValueError):
            continue
    return {}
