from __future__ import annotations

import sys

import pytest

from deepdistill.cluster import launch


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    lines: list[list[str]] = []
    monkeypatch.setattr(launch.os, "execvp", lambda program, words: lines.append([*words]))
    monkeypatch.setattr(launch.signal, "signal", lambda *_: None)
    monkeypatch.setattr(launch.socket, "gethostname", lambda: "node07")
    monkeypatch.setattr(launch, "free_port", lambda: 29500)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return lines


def test_processes_of_one_node_need_no_srun(executed: list[list[str]]) -> None:
    launch.become_torchrun("train.py", ["--seed", "1"], nodes=1, processes=8, threads=64, gpus=8)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=8"]
    assert executed == [[*torchrun, "--standalone", "train.py", "--seed", "1"]]


def test_a_torchrun_is_started_on_each_of_several_nodes(executed: list[list[str]]) -> None:
    launch.become_torchrun("train.py", ["--seed", "1"], nodes=2, processes=8, threads=64, gpus=8)
    assert " ".join(executed[0]) == (
        "srun --nodes=2 --ntasks=2 --ntasks-per-node=1 --cpus-per-task=64 --kill-on-bad-exit=1 "
        '--cpu-bind=none --gpus-per-node=8 sh -c trap "" USR1; exec "$@" torchrun '
        f"{sys.executable} -m torch.distributed.run --nproc-per-node=8 --nnodes=2 "
        "--rdzv-backend=c10d --rdzv-id=4711 --rdzv-endpoint=node07:29500 train.py --seed 1"
    )
