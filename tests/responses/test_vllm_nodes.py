"""A model over several nodes, up to the point where vLLM itself would begin."""

from __future__ import annotations

import inspect
import json
import queue
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from deepdistill.errors import InputError
from deepdistill.models import Identity
from deepdistill.responses.backends import vllm_nodes
from deepdistill.responses.backends.choice import backend_opener

CONFIG = {
    "backend": "vllm",
    "dtype": "bfloat16",
    "temperature": 0,
    "engine": {"tensor_parallel_size": 8, "pipeline_parallel_size": 2},
}
MEETING = {
    "nnodes": 2,
    "node_rank": 0,
    "master_addr": "node07",
    "master_port": 29500,
    "distributed_executor_backend": "mp",
}

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed")


def test_workers_run_on_every_node_but_the_first() -> None:
    line = vllm_nodes.workers_command("folder", CONFIG, {**MEETING, "nnodes": 4}, threads=64)
    assert " ".join(line[:9]) == (
        "srun --nodes=3 --ntasks=3 --ntasks-per-node=1 --cpus-per-task=64 --kill-on-bad-exit=1 "
        "--cpu-bind=none --gpus-per-node=4 --relative=1"
    )
    assert line[9:12] == [sys.executable, "-m", "deepdistill.responses.backends.vllm_nodes"]
    assert json.loads(line[12]) == {
        "model": "folder",
        "config": {"dtype": "bfloat16", "engine": CONFIG["engine"]},
    }


def test_a_node_knows_its_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[Any] = []
    monkeypatch.setattr(vllm_nodes, "work", lambda *told: worked.append(told))
    monkeypatch.setattr(vllm_nodes.signal, "signal", lambda *_: None)
    monkeypatch.setenv("SLURM_PROCID", "0")
    line = vllm_nodes.workers_command("folder", CONFIG, MEETING, threads=64)
    vllm_nodes.main(line[-2:])
    told = {"dtype": "bfloat16", "engine": CONFIG["engine"]}
    assert worked == [("folder", told, {**MEETING, "node_rank": 1})]


def test_only_vllm_runs_on_several_nodes() -> None:
    identity = Identity.__new__(Identity)
    with pytest.raises(InputError, match="nodes: found 2 with backend transformers, allowed: 1"):
        backend_opener({"backend": "transformers"}, identity, 1, nodes=2)


@needs_vllm
@pytest.mark.slow
def test_vllm_takes_what_the_nodes_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from vllm.v1.executor import multiproc_executor

    from deepdistill.responses.backends import vllm_start

    arguments = vllm_start.engine_arguments(str(tmp_path), CONFIG, {**MEETING, "node_rank": 1})
    found = {name: getattr(arguments, name) for name in MEETING}
    assert found == {**MEETING, "node_rank": 1}

    # What `vllm serve --headless` calls, and so does a worker's node.
    parameters = inspect.signature(multiproc_executor.MultiprocExecutor.__init__).parameters
    assert "monitor_workers" in parameters
    begun: list[Any] = []

    class Executor:
        def __init__(self, settings: Any, monitor_workers: bool) -> None:
            begun.append((settings, monitor_workers))

        def start_worker_monitor(self, inline: bool) -> None:
            begun.append(inline)

    monitor = inspect.signature(multiproc_executor.MultiprocExecutor.start_worker_monitor)
    assert "inline" in monitor.parameters
    monkeypatch.setattr(multiproc_executor, "MultiprocExecutor", Executor)
    monkeypatch.setattr(vllm_start, "engine_settings", lambda *told, headless: (told[0], headless))
    vllm_nodes.work("folder", CONFIG, {**MEETING, "node_rank": 1})
    assert begun == [(("folder", True), False), True]


@needs_vllm
@pytest.mark.slow
def test_the_engine_is_lost_when_a_node_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from vllm.v1.engine.exceptions import EngineDeadError

    from deepdistill.responses.backends import vllm_engine

    client = SimpleNamespace(outputs_queue=queue.Queue(), shutdown=lambda: None)
    engine = SimpleNamespace(
        engine_core=client,
        get_tokenizer=lambda: None,
        vllm_config=SimpleNamespace(
            model_config=SimpleNamespace(max_model_len=8),
            scheduler_config=SimpleNamespace(max_num_seqs=1),
        ),
    )
    started: list[subprocess.Popen[bytes]] = []

    def start(*_: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(["sleep", "60"]))
        return started[-1]

    monkeypatch.setattr(vllm_engine, "start_workers", start)
    monkeypatch.setattr(vllm_engine, "open_engine", lambda *_: engine)
    backend = vllm_engine.VllmBackend(str(tmp_path), CONFIG, nodes=2, threads=8)
    assert client.outputs_queue.empty()
    started[0].kill()
    assert isinstance(client.outputs_queue.get(timeout=10), EngineDeadError)
    backend.close()

    backend = vllm_engine.VllmBackend(str(tmp_path), CONFIG, nodes=2, threads=8)
    backend.close()
    assert started[1].poll() is not None
