"""Starting a program's processes, on one node or on all nodes of a SLURM job."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

# A warning some time before the limit is for the program: it would be the end of torchrun.
UNWARNED = ("sh", "-c", 'trap "" USR1; exec "$@"', "torchrun")


def become_torchrun(
    script: str, argv: Sequence[str], nodes: int, processes: int, threads: int, gpus: int
) -> NoReturn:
    """Replace this process by torchrun, which runs ``script`` on every node.

    ``processes`` is their number on each node, ``threads`` CPU threads and ``gpus`` GPUs of a
    node. On more than one node srun starts a torchrun on each, and ends all if one fails.
    """
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    command = torchrun(script, argv, nodes, processes)
    if nodes > 1:
        command = [*srun(nodes, threads, gpus), *UNWARNED, *command]
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, threads // processes)))
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvp(command[0], command)


def torchrun(script: str, argv: Sequence[str], nodes: int, processes: int) -> list[str]:
    """Return torchrun's command line for one node; the nodes meet on this one."""
    line = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    if nodes == 1:
        return [*line, "--standalone", script, *argv]
    job = os.environ.get("SLURM_JOB_ID", "0")
    meeting = f"{socket.gethostname()}:{free_port()}"
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-id={job}", f"--rdzv-endpoint={meeting}"]
    return [*line, f"--nnodes={nodes}", *rendezvous, script, *argv]


def srun(nodes: int, threads: int, gpus: int, first: int = 0) -> list[str]:
    """Return the command that runs what follows once on each of ``nodes`` nodes of this job.

    ``first`` nodes of the job are left out. Threads and GPUs are those of a node. Nothing is taken
    from the environment, since Snakemake's plugin leaves little of SLURM's in it.
    """
    words = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1"]
    words += [f"--cpus-per-task={threads}", "--kill-on-bad-exit=1", "--cpu-bind=none"]
    if gpus:
        words.append(f"--gpus-per-node={gpus}")
    if first:
        words.append(f"--relative={first}")
    return ["srun", *words]


def free_port() -> int:
    """Return a TCP port of this node that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
    return port
