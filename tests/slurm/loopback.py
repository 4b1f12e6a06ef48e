"""A real SLURM cluster of several nodes on this machine's loopback, from Debian's packages.

Needs root and neither systemd nor cgroups. Everything lies below one folder; a node is a slurmd
that says it had more cores and GPUs than there are.

    python tests/slurm/loopback.py up FOLDER      start it, and print how to talk to it
    python tests/slurm/loopback.py down FOLDER    stop it and delete the folder
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

NODES = 4
CPUS = 64
MEMORY = 1_000_000  # MB
GPUS = 8
GPU_KIND = "h200"
ACCOUNT = "distillation"
PORT = 26817
"""Of slurmctld; the database and the nodes have the following ones."""

PROGRAMS = ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd", "sbatch")
SYSTEM_CONFIGURATION = Path("/etc/slurm/slurm.conf")
"""Where programs look that are not told otherwise; the plugin drops SLURM_CONF on its way."""


def missing() -> str | None:
    """Return why no cluster can be started here, or None."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    if os.geteuid() != 0:
        return "only root can start a cluster"
    if SYSTEM_CONFIGURATION.exists():
        return f"{SYSTEM_CONFIGURATION} is there: this machine belongs to a cluster"
    return None


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def wait_until(ready: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is true; an AssertionError names it if that takes too long."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.2)


class Cluster:
    """The cluster whose state is below ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configuration = folder / "slurm.conf"
        self._socket = folder / "munge.socket"
        self._environment = {**os.environ, "PATH": _path(), "SLURM_CONF": str(self.configuration)}

    def up(self) -> None:
        """Start everything and wait until all nodes are idle."""
        for name in ("state", "spool", "devices", "sql", "munge"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o777)  # the database's user writes here too
        self._configure()
        self._start_munge()
        self._start_database()
        self.run("slurmctld", "-f", str(self.configuration))
        self._answers("scontrol", "ping")
        for node in range(1, NODES + 1):
            self.start_node(f"n{node}")
        self.run("sacctmgr", "-i", "add", "account", ACCOUNT)
        self.run("sacctmgr", "-i", "add", "user", "root", f"account={ACCOUNT}")
        wait_until(lambda: self.states() == ["idle"] * NODES, 60, "idle nodes")

    def down(self) -> None:
        """Stop everything and delete the folder."""
        if self._pid("slurmctld"):
            self.run("scancel", "--user=root")
            wait_until(lambda: not self.queue(), 60, "no jobs")
        for name in (*(f"slurmd-n{n}" for n in range(1, NODES + 1)), "slurmctld", "slurmdbd"):
            self._stop(name)
        for name in ("mariadbd", "munged"):
            self._stop(name)
        if SYSTEM_CONFIGURATION.is_symlink():
            SYSTEM_CONFIGURATION.unlink()
        shutil.rmtree(self.folder)

    def run(self, *command: str) -> str:
        """Run a command that talks to the cluster and return what it prints."""
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def states(self) -> list[str]:
        """Return the nodes' states."""
        return self.run("sinfo", "-h", "-N", "-p", "cpu", "-o", "%t").split()

    def queue(self, folder: Path | None = None) -> list[list[str]]:
        """Return id, state, node and comment of the jobs that are not over, of one folder's."""
        lines = self.run("squeue", "-h", "-o", "%i|%T|%N|%k|%Z").splitlines()
        jobs = [line.split("|") for line in lines]
        return [job[:4] for job in jobs if folder is None or job[4] == str(folder)]

    def account(self, fields: str) -> list[list[str]]:
        """Return these fields of all jobs, from the accounting database."""
        command = ("sacct", "-X", "-n", "--parsable2", "--starttime=now-1days", "--duplicates")
        return [line.split("|") for line in self.run(*command, f"--format={fields}").splitlines()]

    def start_node(self, name: str) -> None:
        """Start a node's daemon."""
        self.run("slurmd", "-N", name, "-f", str(self.configuration))

    def cut_power(self, node: str) -> None:
        """Kill a node's daemon and all that runs on it, without a word to the controller."""
        self._signal(f"slurmd-{node}", signal.SIGKILL)
        mark = f"SLURMD_NODENAME={node}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark not in (process / "environ").read_bytes().split(b"\0"):
                    continue
                parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
                if b"slurmstepd" in Path("/proc", parent, "cmdline").read_bytes():
                    os.kill(int(parent), signal.SIGKILL)
                os.kill(int(process.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                continue  # it has ended meanwhile

    def _configure(self) -> None:
        for number in range(GPUS):
            device = self.folder / "devices" / f"nvidia{number}"
            if not device.exists():  # only of character devices does a job learn its numbers
                os.mknod(device, 0o20666, os.makedev(1, 3))
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        (self.folder / "munge").chmod(0o700)
        (self.folder / "gres.conf").write_text(
            f"NodeName=n[1-{NODES}] Name=gpu Type={GPU_KIND} "
            f"File={self.folder}/devices/nvidia[0-{GPUS - 1}]\n"
        )
        self.configuration.write_text(self._slurm_conf())
        database = self.folder / "slurmdbd.conf"
        database.write_text(self._slurmdbd_conf())
        database.chmod(0o600)
        SYSTEM_CONFIGURATION.parent.mkdir(exist_ok=True)
        SYSTEM_CONFIGURATION.unlink(missing_ok=True)
        SYSTEM_CONFIGURATION.symlink_to(self.configuration)

    def _slurm_conf(self) -> str:
        folder, host = self.folder, socket.gethostname().partition(".")[0]
        nodes = "".join(
            f"NodeName=n{n} NodeAddr=127.0.0.1 NodeHostname={host} Port={PORT + 10 + n} "
            f"CPUs={CPUS} RealMemory={MEMORY} Gres=gpu:{GPU_KIND}:{GPUS} State=UNKNOWN\n"
            for n in range(1, NODES + 1)
        )
        return f"""\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={PORT}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits as long as a credential lives before it may start again.
AuthInfo=socket={self._socket},cred_expire=60
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# What NodeName says counts, not the hardware.
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0,bf_interval=2
GresTypes=gpu
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
# Without cgroups: memory is looked at every 2 s, and a job that has too much is killed.
JobAcctGatherParams=OverMemoryKill
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=60
InactiveLimit=0
KillWait=15
MinJobAge=300
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={PORT + 1}
AccountingStoragePass={self._socket}
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
{nodes}\
PartitionName=cpu Nodes=n[1-{NODES}] Default=YES MaxTime=24:00:00 State=UP
PartitionName=gpu Nodes=n[1-{NODES}] MaxTime=24:00:00 State=UP
"""

    def _slurmdbd_conf(self) -> str:
        return f"""\
AuthType=auth/munge
AuthInfo=socket={self._socket}
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={PORT + 1}
SlurmUser=root
LogFile={self.folder}/slurmdbd.log
PidFile={self.folder}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={PORT + 2}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
"""

    def _start_munge(self) -> None:
        munge = self.folder / "munge"
        options = {
            "key-file": munge / "key",
            "seed-file": munge / "seed",
            "log-file": munge / "log",
        }
        options |= {"socket": self._socket, "pid-file": self.folder / "munged.pid"}
        self.run("munged", "--force", *(f"--{name}={value}" for name, value in options.items()))
        self._answers("munge", "-S", str(self._socket), "-n")

    def _start_database(self) -> None:
        data = self.folder / "sql"
        shutil.chown(data, "mysql", "mysql")
        own = ("--no-defaults", "--user=mysql", f"--datadir={data}")
        login = "--auth-root-authentication-method=socket"
        self.run("mariadb-install-db", *own, "--skip-test-db", "--skip-name-resolve", login)
        client = ("--no-defaults", "-uroot", f"--socket={data}/socket")
        with open(self.folder / "mariadbd.log", "wb") as log:
            subprocess.Popen(
                [
                    "mariadbd",
                    *own,
                    f"--socket={data}/socket",
                    f"--pid-file={self.folder}/mariadbd.pid",
                    "--bind-address=127.0.0.1",
                    f"--port={PORT + 2}",
                    "--skip-name-resolve",
                    "--innodb-flush-log-at-trx-commit=0",
                    "--innodb-lock-wait-timeout=900",
                    "--performance-schema=OFF",
                ],
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self._answers("mariadb-admin", *client, "ping")
        self.run(
            "mariadb",
            *client,
            "-e",
            "CREATE DATABASE slurm; CREATE USER slurm@127.0.0.1 IDENTIFIED BY 'slurm';"
            "GRANT ALL ON slurm.* TO slurm@127.0.0.1;",
        )
        self.run("slurmdbd")
        self._answers("sacctmgr", "-n", "show", "cluster")

    def _answers(self, *command: str) -> None:
        def answered() -> bool:
            done = subprocess.run(command, env=self._environment, capture_output=True, check=False)
            return done.returncode == 0

        wait_until(answered, 60, " ".join(command))

    def _pid(self, name: str) -> int | None:
        """The process of a daemon, as long as it lives."""
        try:
            pid = int((self.folder / f"{name}.pid").read_text())
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        return None if state == "Z" else pid

    def _signal(self, name: str, number: int) -> None:
        pid = self._pid(name)
        if pid is not None:
            os.kill(pid, number)

    def _stop(self, name: str) -> None:
        self._signal(name, signal.SIGTERM)
        wait_until(lambda: self._pid(name) is None, 30, f"the end of {name}")


def main(argv: list[str]) -> None:
    """Start or stop a cluster by hand."""
    cluster = Cluster(Path(argv[1]).resolve())
    if argv[0] == "down":
        cluster.down()
        return
    reason = missing()
    if reason:
        sys.exit(f"error: {reason}")
    cluster.up()
    print(f"export SLURM_CONF={cluster.configuration}")


if __name__ == "__main__":
    main(sys.argv[1:])
