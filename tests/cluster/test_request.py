from __future__ import annotations

from deepdistill.cluster.request import PLACED, Limits, Site, request
from deepdistill.plan.resources import Resources

LIMITS = Limits(runtime=1440, mem_mb=500_000)
SITE = Site(slurm_partition="cpu", gpu_partition="gpu", warning_s=300)


def need(**changes: object) -> Resources:
    values = {"gpu": 0, "gpu_kind": None, "nodes": 1, "threads": 8}
    values |= {"mem_mb": 100_000, "runtime": 600, "disk_mb": 1000}
    return Resources(**{**values, **changes})  # type: ignore[arg-type]


def test_every_attempt_gets_more_up_to_the_limits() -> None:
    asked = [request(need(), attempt, SITE, LIMITS) for attempt in (1, 2, 3)]
    assert [a["runtime"] for a in asked] == [600, 1200, 1440]
    assert [a["mem_mb"] for a in asked] == [100_000, 200_000, 300_000]
    assert request(need(), 9, SITE, LIMITS)["mem_mb"] == 500_000


def test_jobs_with_gpus_run_elsewhere_and_name_a_kind() -> None:
    plain = request(need(), 1, SITE, LIMITS)
    assert (plain["slurm_partition"], plain["gpu"], plain["gpu_model"]) == ("cpu", None, None)
    with_gpus = need(gpu=8, gpu_kind="h100")
    asked = request(with_gpus, 1, SITE, LIMITS)
    assert (asked["slurm_partition"], asked["gpu"], asked["gpu_model"]) == ("gpu", 8, "h100")
    assert Site(gpu_kind="a100").kind(with_gpus) == "a100"
    assert Site(gpu_kind="any").kind(with_gpus) is None
    assert Site(slurm_partition="only").partition(with_gpus) == "only"


def test_several_nodes_are_one_task_each() -> None:
    asked = request(need(gpu=16, nodes=2), 1, SITE, LIMITS)
    assert (asked["nodes"], asked["tasks"], asked["mpi"]) == (2, 2, "srun")
    assert asked["tasks_per_gpu"] == 0
    alone = request(need(gpu=8), 1, SITE, LIMITS)
    assert (alone["nodes"], alone["tasks"], alone["mpi"]) == (1, None, None)
    assert asked.keys() == alone.keys() == {*PLACED}


def test_a_job_is_warned_when_most_of_its_time_is_over() -> None:
    assert request(need(), 1, SITE, LIMITS)["slurm_extra"] == "--signal=USR1@300"
    assert request(need(runtime=10), 1, SITE, LIMITS)["slurm_extra"] == "--signal=USR1@120"
    assert Site().extra(600) is None
    assert Site(slurm_extra="--exclusive").extra(600) == "--exclusive"
    both = Site(slurm_extra="--exclusive", warning_s=60).extra(600)
    assert both == "--exclusive --signal=USR1@60"


def test_a_site_is_what_the_profile_says() -> None:
    class Expression:
        raw = "'--exclusive'"

    site = Site.from_defaults({"gpu_kind": "h200", "slurm_extra": Expression(), "mem_mb": 1})
    assert site == Site(gpu_kind="h200", slurm_extra="--exclusive")
