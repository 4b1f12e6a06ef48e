"""How a sandbox is started: by bubblewrap, by util-linux's ``unshare``, or by a site's own command.

Inside: namespaces of its own for users, processes, the network, IPC, host names, control groups
and mounts; the system's programs and libraries and the Python interpreter read-only; a private
``/tmp`` of limited size as the only place to write; no home, no ``/proc``, an empty environment.
None of them needs privileges, and all work for root as well.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deepdistill.verification.sandboxed as sandboxed
from deepdistill.verification.sandboxed import server

AUTOMATIC = ("bubblewrap", "unshare")
"""The sandboxes that are looked for, in this order."""

COMMAND = "command"
"""The name of a site's own."""

TMP_BYTES = 64 * 1024**2

_CODE = "/code"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache")
_EXECUTABLES = {"bubblewrap": "bwrap", "unshare": "unshare"}


@dataclass(frozen=True, slots=True)
class Launcher:
    """A sandbox's name, and the command line that starts the server in it."""

    name: str
    command: Sequence[str]


def launcher(name: str, own_command: Sequence[str] = ()) -> Launcher | str:
    """Return the launcher called ``name``, or why there is none on this machine.

    ``own_command`` is the command line of a site's own sandbox, which the interpreter's is put
    after. ``{code}`` and ``{python}`` in it stand for the folders of this package and of the Python
    installation, which must be readable inside.
    """
    if name == COMMAND:
        filled = [_filled(word) for word in own_command]
        return Launcher(COMMAND, [*filled, *_interpreter(_host_code(), {})])
    executable = _EXECUTABLES[name]
    found = shutil.which(executable)
    if found is None:
        return f"{executable} is not installed"
    command = _bubblewrap(found) if name == "bubblewrap" else _unshare(found)
    return Launcher(name, command)


def _interpreter(code: str, settings: Mapping[str, Any]) -> list[str]:
    # PYTHONHASHSEED is 0, so that a program that prints a set gives the same verdict twice. For its
    # sake it is -P -s -S and not -I -S, the same in an environment that is ours.
    prefix = Path(sys.base_prefix)
    python = prefix / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    environment = ["/usr/bin/env", "-i", "PYTHONHASHSEED=0", f"PYTHONPATH={code}"]
    flags = ["-P", "-s", "-S", "-B", "-X", "utf8", "-m", server.__name__]
    return [*environment, str(python), *flags, json.dumps({"tmp_bytes": TMP_BYTES, **settings})]


def _host_code() -> str:
    return str(Path(sandboxed.__file__).parents[3])


def _filled(word: str) -> str:
    return word.replace("{code}", _host_code()).replace("{python}", sys.base_prefix)


def _unshare(executable: str) -> list[str]:
    namespaces = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    namespaces += ["--net", "--ipc", "--uts", "--cgroup"]
    root = {"paths": [*_SYSTEM, *_python_paths()], "binds": [(_package(), _package_inside())]}
    return [executable, *namespaces, *_interpreter(_host_code(), {"root": root})]


def _bubblewrap(executable: str) -> list[str]:
    command = [executable, "--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0"]
    # For the namespaces of each program, which has none of them.
    for capability in ("SYS_ADMIN", "SETPCAP"):
        command += ["--cap-add", f"CAP_{capability}"]
    command += ["--die-with-parent", "--clearenv"]
    for path in _SYSTEM:
        if Path(path).is_symlink():
            command += ["--symlink", str(Path(path).readlink()), path]
        else:
            command += ["--ro-bind-try", path, path]
    for path in _python_paths():
        command += ["--ro-bind", path, path]
    command += ["--ro-bind", _package(), _package_inside()]
    command += ["--dir", "/tmp", "--dev", "/dev"]
    # The root and /dev are writable file systems in memory until they are not.
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--"]
    return [*command, *_interpreter(_CODE, {})]


def _python_paths() -> list[str]:
    return [] if Path(sys.base_prefix).is_relative_to("/usr") else [sys.base_prefix]


def _package() -> str:
    return str(Path(sandboxed.__file__).parent)


def _package_inside() -> str:
    return f"{_CODE}/{sandboxed.__name__.replace('.', '/')}"
