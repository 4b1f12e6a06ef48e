from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.config import check_config
from deepdistill.errors import InputError
from deepdistill.plan.cluster import Cluster
from deepdistill.plan.estimate import Estimate, Estimator
from deepdistill.plan.placement import gpus_of
from deepdistill.plan.ranges import Range
from deepdistill.plan.rates import Rate, Rates
from deepdistill.plan.resources import Resources, requester
from deepdistill.plan.work import Work, Workload

VLLM = {"backend": "vllm", "passes": 4, "revision": "main"}
CONFIG: dict[str, Any] = {
    "shards": 10,
    "sources": {
        "a": {"path": "a", "category": "math", "rows": 1000},
        "b": {"path": "b", "category": "code", "rows": {"math": 200, "other": 800}},
    },
    "teachers": {
        "small": {**VLLM, "model": "org/Small-8B"},
        "large": {
            **VLLM,
            "model": "org/Large-70B",
            "engine": {"tensor_parallel_size": 4, "pipeline_parallel_size": 2},
            "nodes": 2,
        },
        "served": {
            "backend": "openai",
            "model": "m",
            "passes": {"min": 2, "max": 4, "until": "true"},
            "server": {"url": "http://x", "price": {"input": 1.0, "output": 2.0}},
        },
    },
    "verification": {"judge": {"backend": "vllm", "model": "org/Judge-7B", "revision": "main"}},
    "selection": {
        "solved": {"rule": "all_correct", "teacher": "small", "caps": {"math": 10}},
        "one": {"rule": "deepdistill_stage2", "teacher": "small"},
    },
    "training": {
        "students": {"base": {"model": "org/Base-1B", "revision": "main"}},
        "recipes": {
            "first": {"parent": "base", "dataset": "solved", "epochs": 3},
            "second": {"parent": "first", "dataset": "one", "gpus": 16, "nodes": 2},
        },
    },
}
RATES = {
    "tokens_in": {"value": 100},
    "tokens_out": {"value": 1000, "spread": 2},
    "answer_share": {"value": 0.9},
    "solved": {"value": [0.5, 0, 0, 0, 0.5]},
    "uneven": {"value": 0.5},
    "written_per_second": {"value": 500},
    "read_per_second": {"value": 500},
    "trained_per_second": {"value": 500},
    "training_utilisation": {"value": 0.5},
    "reading_utilisation": {"value": 0.5},
    "start_up": {"value": 10},
    "start_up.gpu": {"value": 100},
    "load_gb_per_second": {"value": 2},
    "identify_gb_per_second": {"value": 0.5},
    "seconds_per_row": {"value": 0.01},
    "memory_mb": {"value": 1000},
    "memory_mb.gpu": {"value": 10000},
    "memory_bytes_per_token": {"value": 0},
    "bytes_per_token": {"value": 2},
    "bytes_per_row": {"value": 100},
}
CLUSTER: dict[str, Any] = {
    "price_per_core_hour": 0.1,
    "gpu_kinds": {"h100": {"memory_gb": 80, "price_per_hour": 3, "tflops": 1000}},
    "generation_speed": {
        "by_parameters": [
            {"parameters": 8.0e9, "value": 2000},
            {"parameters": 32.0e9, "value": 500},
        ]
    },
    "rates": RATES,
}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return check_config(CONFIG)


@pytest.fixture(scope="module")
def small_cluster(tmp_path_factory: Any) -> Cluster:
    import json

    path = tmp_path_factory.mktemp("cluster") / "cluster.yaml"
    path.write_text(json.dumps(CLUSTER))
    return Cluster.read(path)


def estimated(
    config: Mapping[str, Any],
    cluster: Cluster,
    rule: str,
    measured: Mapping[str, Any] | None = None,
    work: Work | None = None,
    **wildcards: str,
) -> Estimate:
    rates = Rates(cluster.settings["rates"], measured)
    work = work or Workload(config, rates).of(rule, wildcards)
    return Estimator(config, cluster, rates).estimate(work, wildcards)


def test_a_shard_has_an_equal_part_of_all_passes(config: dict[str, Any]) -> None:
    workload = Workload(config, Rates(RATES))
    work = workload.of("generate_responses", {"teacher": "small", "shard": "1"})
    assert work.rows == {"math": 480, "other": 320}
    assert not work.exact
    assert work is workload.of("generate_responses", {"teacher": "small", "shard": "2"})
    adaptive = workload.of("generate_adaptively", {"teacher": "served", "shard": "1"})
    assert adaptive.rows == {"math": 360, "other": 240}
    checks = workload.of("check_responses", {"teacher": "small", "shard": "1"})
    assert checks.rows == {"math": pytest.approx(432)}


def test_generation_is_timed_by_the_tokens_that_it_writes(
    config: dict[str, Any], small_cluster: Cluster
) -> None:
    estimate = estimated(config, small_cluster, "generate_responses", teacher="small", shard="1")
    assert estimate.tokens_out == Range(400_000, 800_000, 1_600_000)
    # 10 s of interpreter, 100 s of engine, 16 GB of weights at 2 GB/s; 800 k tokens at 2,000/s.
    assert estimate.start_up == 118
    assert estimate.seconds == Range(118 + 200, 118 + 400, 118 + 800)
    assert (estimate.gpus, estimate.gpu_kind, estimate.threads) == (1, "h100", 8)
    assert estimate.money.expected == pytest.approx(518 / 3600 * 3)
    assert estimate.gpu_hours.expected == pytest.approx(518 / 3600)
    assert estimate.cpu_hours == Range()
    assert estimate.disk_bytes == 800 * 100 + 800_000 * 2


def test_more_gpus_write_faster_and_larger_models_slower(
    config: dict[str, Any], small_cluster: Cluster
) -> None:
    estimate = estimated(config, small_cluster, "generate_responses", teacher="large", shard="1")
    assert (estimate.gpus, estimate.nodes, estimate.threads) == (8, 2, 32)
    speed = 500 * 32 / 70 * 8
    assert estimate.seconds.expected - estimate.start_up == pytest.approx(800_000 / speed)


def test_nothing_to_compute_loads_no_model(config: dict[str, Any], small_cluster: Cluster) -> None:
    nothing = Work("generate_responses", "small", {}, kept=800)
    estimate = estimated(
        config, small_cluster, "generate_responses", work=nothing, teacher="small", shard="1"
    )
    assert estimate.seconds == Range(10, 10, 10)
    assert estimate.tokens_out == Range()


def test_embeddings_are_those_of_all_questions_and_only_their_queries_are_expected_to_be_left(
    config: dict[str, Any], small_cluster: Cluster
) -> None:
    embedding = {"model": "org/Encoder-1B", "revision": "main"}
    sections = {"queries": {"embedding": embedding, "expected": {"math": 500}}}
    benchmark = {"task": "t", "data": "d", "rows": 30}
    evaluation = {"models": [], "benchmarks": {"held": benchmark}}
    checked = check_config({**copy.deepcopy(CONFIG), **sections, "evaluation": evaluation})
    workload = Workload(checked, Rates(RATES))
    estimator = Estimator(checked, small_cluster, Rates(RATES))
    assert workload.queries() == {"math": 500}
    assert workload.of("clean_source", {"source": "b"}).total == 1000
    assert workload.of("filter_queries", {}).total == 2000
    assert workload.of("match_embeddings", {}).total == 2000
    assert workload.of("embed_questions", {"benchmark": "held"}).rows == {"math": 30}
    work = workload.of("embed_queries", {"source": "a"})
    assert work.total == 1000
    estimate = estimator.estimate(work, {"source": "a"})
    assert estimate.gpus == 1
    assert estimate.tokens_in.expected == 1000 * RATES["tokens_in"]["value"]
    larger = {**checked, "queries": {"embedding": {**embedding, "model": "org/Encoder-4B"}}}
    slower = Estimator(larger, small_cluster, Rates(RATES)).estimate(work, {"source": "a"})
    assert slower.seconds.expected > estimate.seconds.expected


def test_a_server_is_paid_by_the_token(config: dict[str, Any], small_cluster: Cluster) -> None:
    estimate = estimated(config, small_cluster, "generate_adaptively", teacher="served", shard="1")
    assert estimate.gpus == 0
    tokens = 600 * 100 / 1e6 * 1.0 + 600 * 1000 / 1e6 * 2.0
    core = estimate.seconds.expected / 3600 * 0.1 * estimate.threads
    assert estimate.money.expected == pytest.approx(tokens + core)


def test_training_is_timed_by_operations_of_the_first_ancestor(
    config: dict[str, Any], small_cluster: Cluster
) -> None:
    first = estimated(config, small_cluster, "train", recipe="first")
    second = estimated(config, small_cluster, "train", recipe="second")
    # Math is capped at 10 queries, half of the 800 others are solved; 4 responses each, 3 epochs.
    rows = 3 * 4 * (10 + 400)
    assert first.tokens_out.expected == rows * 1000
    seconds = rows * 1100 * 6 * 1e9 / (0.5 * 1e15)
    assert first.seconds.expected - first.start_up == pytest.approx(seconds)
    assert (second.gpus, second.nodes) == (16, 2)


def test_a_model_is_downloaded_and_hashed_before_it_is_used(
    config: dict[str, Any], small_cluster: Cluster
) -> None:
    estimate = estimated(config, small_cluster, "identify_model", model="small")
    assert estimate.seconds.expected == 10 + 16 / 0.5
    assert (estimate.gpus, estimate.mem_mb) == (0, 1000)
    assert estimated(config, small_cluster, "identify_model", model="served").seconds.expected == 10
    # A start that was measured holds the download and the reading.
    measured = {
        "start_up.identify_model.small": {"amount": 40, "units": 1, "jobs": 1, "log": 0, "log2": 0}
    }
    again = estimated(config, small_cluster, "identify_model", measured, model="small")
    assert again.seconds.expected == 40


def test_measured_speeds_replace_defaults(config: dict[str, Any], small_cluster: Cluster) -> None:
    sums = {"amount": 1e6, "units": 1e3, "jobs": 1, "log": 0, "log2": 0}
    estimate = estimated(
        config,
        small_cluster,
        "generate_responses",
        {"written_per_second.small": sums},
        teacher="small",
        shard="1",
    )
    assert estimate.seconds.expected - estimate.start_up == pytest.approx(800)
    assert "written_per_second.small" in estimate.rests_on
    assert "generation_speed" not in estimate.rests_on


def test_a_model_of_which_nothing_is_known_is_said_to_be(cluster: Cluster) -> None:
    assert cluster.model("org/name").source == "unknown"
    assert cluster.model("Qwen/Qwen2.5-0.5B").parameters == 0.5e9
    assert cluster.model("org/Mixtral-8x7B-v2").source == "unknown"
    assert cluster.model("deepseek-ai/DeepSeek-R1").active == 37e9


def test_a_local_models_size_is_that_of_its_files(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "model-1-of-2.safetensors").write_bytes(b"0" * 600)
    (tmp_path / "model-2-of-2.safetensors").write_bytes(b"0" * 400)
    model = cluster.model(str(tmp_path))
    assert (model.weights_bytes, model.parameters, model.source) == (1000, 500, "files")


@pytest.mark.parametrize(
    ("settings", "gpus"),
    [
        ({"backend": "transformers"}, 1),
        ({"backend": "transformers", "gpus": 0}, 0),
        ({"backend": "vllm", "engine": {}}, 1),
        ({"backend": "vllm", "engine": {"tensor_parallel_size": 8}}, 8),
        ({"backend": "openai"}, 0),
        ({"backend": "published"}, 0),
    ],
)
def test_gpus_follow_from_the_backend(settings: dict[str, Any], gpus: int) -> None:
    assert gpus_of(settings) == gpus


def test_a_job_asks_for_more_time_than_it_should_need_and_at_most_for_all(
    config: dict[str, Any], small_cluster: Cluster
) -> None:
    of_job = requester(config, small_cluster, Rates(RATES))
    asked = of_job("generate_responses", {"teacher": "small", "shard": "1"})
    # 918 s at most, times 1.5: 23 minutes. 1,000 + 10,000 MiB and 16 GB of weights.
    assert asked == Resources(1, "h100", 1, 8, mem_mb=26_300, runtime=23, disk_mb=1002)
    assert of_job("generate_responses", {"teacher": "small", "shard": "2"}) is asked
    assert of_job("report", {}).runtime == 10
    many = copy.deepcopy(config)
    many["sources"]["a"]["rows"] = 10**9
    longest = requester(many, small_cluster, Rates(RATES))
    assert longest("generate_responses", {"teacher": "small", "shard": "1"}).runtime == 24 * 60


def test_a_wrong_key_of_the_clusters_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("gpu_kind: {}\n")
    with pytest.raises(InputError, match=r"cluster\.yaml: gpu_kind: unknown key \(did you mean g"):
        Cluster.read(path)
    with pytest.raises(InputError, match=r"none\.yaml: No such file or directory; expected the c"):
        Cluster.read(tmp_path / "none.yaml")
    path.write_text("a: [")
    with pytest.raises(InputError, match=r"cluster\.yaml: no YAML: "):
        Cluster.read(path)


NUMBERS = st.floats(0, 1e9)


@given(st.lists(st.tuples(NUMBERS, st.floats(1, 10)), max_size=10), st.floats(1, 5))
def test_ranges_stay_in_order(parts: list[tuple[float, float]], spread: float) -> None:
    total = sum((Range.of(Rate(value, s)) for value, s in parts), Range())
    seconds = total.over(Rate(7.0, spread))
    for made in (total, seconds, total.times(3), total.at_most(1000)):
        assert made.low <= made.expected <= made.high
