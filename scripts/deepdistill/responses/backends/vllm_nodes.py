"""A model that is too large for one node: vLLM's engine on this one, workers on the others.

vLLM's own way over several nodes is used (``nnodes``, ``node_rank``), with a process for each GPU
and without Ray. srun starts :func:`main` on the job's other nodes.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from deepdistill.cluster.launch import free_port, srun

PARALLEL_SIZES = ("tensor_parallel_size", "pipeline_parallel_size")
"""Engine arguments whose product is the number of GPUs on all nodes."""


def meeting_place(nodes: int) -> dict[str, Any]:
    """Return the engine arguments by which ``nodes`` nodes meet on this one, the first."""
    return {
        "nnodes": nodes,
        "node_rank": 0,
        "master_addr": socket.gethostname(),
        "master_port": free_port(),
        "distributed_executor_backend": "mp",
    }


def start_workers(
    model: str, config: Mapping[str, Any], meeting: Mapping[str, Any], threads: int
) -> subprocess.Popen[bytes]:
    """Start the workers on this SLURM job's other nodes; they live as long as the process."""
    return subprocess.Popen(workers_command(model, config, meeting, threads))


def workers_command(
    model: str, config: Mapping[str, Any], meeting: Mapping[str, Any], threads: int
) -> list[str]:
    """Return the command that runs :func:`main` on each node but the first."""
    nodes, gpus = meeting["nnodes"], 1
    for name in PARALLEL_SIZES:
        gpus *= config["engine"].get(name, 1)
    others = srun(nodes - 1, threads, gpus // nodes, first=1)
    told = json.dumps({"model": model, "config": {k: config[k] for k in ("dtype", "engine")}})
    return [*others, sys.executable, "-m", __name__, told, json.dumps(dict(meeting))]


def main(argv: list[str]) -> None:
    """Work for the engine on the first node until it ends.

    This is what ``vllm serve --headless`` does on a node that is not the first, with the settings
    that the engine has on the first.
    """
    told, meeting = json.loads(argv[0]), json.loads(argv[1])
    # The engine ends its workers; the time limit's warning is for the one that has the rows.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    rank = int(os.environ["SLURM_PROCID"]) + 1  # the tasks are numbered without the first node
    work(told["model"], told["config"], {**meeting, "node_rank": rank})


def work(model: str, config: Mapping[str, Any], meeting: Mapping[str, Any]) -> None:
    """Run this node's workers until the engine, or one of them, ends."""
    from deepdistill.responses.backends.vllm_start import engine_settings

    settings = engine_settings(model, config, meeting, headless=True)
    from vllm.v1.executor.multiproc_executor import MultiprocExecutor

    executor = MultiprocExecutor(settings, monitor_workers=False)
    executor.start_worker_monitor(inline=True)


if __name__ == "__main__":
    main(sys.argv[1:])
