"""System calls for isolation that Python's standard library has no functions for."""

from __future__ import annotations

import ctypes
import os
import platform
import signal

NEW_MOUNTS, NEW_IPC, NEW_PIDS = 0x00020000, 0x08000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
MS_REC, MS_PRIVATE, MS_RELATIME = 1 << 14, 1 << 18, 1 << 21
MNT_DETACH = 2

_CLONE = {"x86_64": 56, "aarch64": 220}
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS = 4, 24, 28
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 38, 47, 4
_NO_ROOT_NO_SETUID_LOCKED = 0b1111
_CAPABILITY_VERSION = 0x20080522
_LAST_CAPABILITY = 63

# PyDLL keeps the interpreter's lock: a copy of the process must not be made without it.
_libc = ctypes.PyDLL(None, use_errno=True)


def clone(namespaces: int) -> int:
    """Copy this process, which has one thread, into new namespaces; as os.fork."""
    flags = ctypes.c_ulong(namespaces | signal.SIGCHLD)
    return _checked(_libc.syscall(_CLONE[platform.machine()], flags, 0, 0, 0, 0), "clone")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    """Mount; flags as in mount(2)."""
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind)]
    _checked(_libc.mount(*texts, ctypes.c_ulong(flags), data.encode()), f"mount {target}")


def detach(target: str) -> None:
    """Unmount, at the latest when nobody uses it any more."""
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root and put the old one at ``old``."""
    number = _PIVOT_ROOT[platform.machine()]
    _checked(_libc.syscall(number, os.fsencode(new), os.fsencode(old)), "pivot_root")


def hide_memory() -> None:
    """Let no other process look into this one."""
    _checked(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


def drop_privileges() -> None:
    """Give up all capabilities, for this process and whatever it may execute."""
    _libc.prctl(_PR_SET_SECUREBITS, _NO_ROOT_NO_SETUID_LOCKED, 0, 0, 0)
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    _libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(_libc.syscall(_CAPSET[platform.machine()], header, none), "capset")
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
