"""A root of its own for a process in new namespaces: what bubblewrap does where it is installed.

Runs as root of a user namespace, in new namespaces for mounts, processes, the network, IPC, host
names and control groups, as util-linux's ``unshare`` starts it. The root is an empty file system in
memory, read-only in the end, with the given paths of the host bound into it read-only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from deepdistill.verification.sandboxed import kernel

DEVICES = ("null", "zero", "full", "random", "urandom")

_BASE = "/tmp"
_OLD = "/.old"
_KEPT_FLAGS = kernel.MS_NOEXEC | 0x400 | 0x800  # and those about times of access
_ST_RELATIME = 0x1000


def enter(paths: Iterable[str], binds: Iterable[tuple[str, str]]) -> None:
    """Make the root and enter it.

    ``paths`` of the host are at the same place inside, if they exist; ``binds`` are pairs of a path
    of the host and one inside.
    """
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("root", _BASE, "tmpfs", flags, "mode=0755,size=1m")
    Path(_BASE + _OLD).mkdir()
    kernel.pivot_root(_BASE, _BASE + _OLD)
    os.chdir("/")
    for path in paths:
        _provide(path)
    for source, target in binds:
        _bind(_OLD + source, target)
    for device in DEVICES:
        _bind(f"{_OLD}/dev/{device}", f"/dev/{device}", device=True)
    for name in ("fd", "stdin", "stdout", "stderr"):
        # Without /proc they lead nowhere, as they do under bubblewrap here.
        Path(f"/dev/{name}").symlink_to(f"/proc/self/fd/{name}")
    Path("/tmp").mkdir()
    kernel.detach(_OLD)
    Path(_OLD).rmdir()
    kernel.mount(None, "/", None, flags | kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY)


def _provide(path: str) -> None:
    source = Path(_OLD + path)
    if source.is_symlink():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).symlink_to(source.readlink())
    elif source.exists():
        _bind(str(source), path)


def _bind(source: str, target: str, device: bool = False) -> None:
    place = Path(target)
    place.parent.mkdir(parents=True, exist_ok=True)
    if Path(source).is_dir():
        place.mkdir(exist_ok=True)
    else:
        place.touch()
    kernel.mount(source, target, None, kernel.MS_BIND | kernel.MS_REC)
    if device:
        return
    for mounted in _mounts_below(target):
        found = os.statvfs(mounted).f_flag
        # What the host has forbidden cannot be allowed again, so it must be asked for.
        flags = found & _KEPT_FLAGS | (kernel.MS_RELATIME if found & _ST_RELATIME else 0)
        flags |= kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_RDONLY
        kernel.mount(None, mounted, None, kernel.MS_REMOUNT | kernel.MS_BIND | flags)


def _mounts_below(target: str) -> list[str]:
    lines = Path(f"{_OLD}/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    places = [re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), line.split()[4]) for line in lines]
    return [place for place in places if place == target or place.startswith(f"{target}/")]
