"""The cluster: its GPUs, prices and limits, and the models' sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from deepdistill.config import conform, load_schema
from deepdistill.errors import InputError

SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[bB](?![A-Za-z0-9])")
"""A model's size in its name, in billions of parameters, as in Qwen2.5-32B."""

UNKNOWN_PARAMETERS = 7.0e9
"""Parameters of a model of which nothing is known."""

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")


@dataclass(frozen=True, slots=True)
class GpuKind:
    """A kind of GPU; memory in GB, price of one for an hour, peak teraflops in bfloat16.

    ``speed`` compares its generation with that of the GPU of ``generation_speed``.
    """

    name: str
    memory_gb: float
    per_node: int
    price_per_hour: float
    tflops: float
    speed: float


@dataclass(frozen=True, slots=True)
class Model:
    """A model's size; ``active`` is the number of parameters that a token is computed with.

    ``source`` says where the size comes from: ``cluster`` (its entry there), ``files``, ``name``
    or ``unknown``.
    """

    name: str
    parameters: float
    active: float
    weights_bytes: float
    gpu_kind: str
    source: str


class Cluster:
    """What ``config/cluster.yaml`` says; see its schema for every key.

    Example:
        >>> cluster = Cluster.read("config/cluster.yaml")
        >>> cluster.model("Qwen/Qwen2.5-32B").parameters
        32000000000.0
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self._models: dict[str, Model] = {}

    @classmethod
    def read(cls, path: str | Path) -> Cluster:
        """Read the file; raises :class:`InputError` with one line for the first wrong key."""
        try:
            settings = yaml.load(Path(path).read_text(encoding="utf-8"), yaml.CSafeLoader)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; expected the cluster's file") from None
        except yaml.YAMLError as error:
            raise InputError(f"{path}: no YAML: {' '.join(str(error).split())}") from None
        if not isinstance(settings, Mapping):
            raise InputError(f"{path}: found no keys, allowed: those of config/cluster.yaml")
        cluster = cls(conform(settings, load_schema("cluster"), str(path)))
        for name, model in cluster.settings["models"].items():
            kind = model.get("gpu_kind")
            if kind is not None and kind not in cluster.gpu_kinds:
                allowed = ", ".join(cluster.gpu_kinds)
                raise InputError(
                    f"{path}: models.{name}.gpu_kind: found {kind!r}, allowed: one of {allowed}"
                )
        return cluster

    @cached_property
    def gpu_kinds(self) -> dict[str, GpuKind]:
        """The kinds of GPUs by name; the first is taken where a model names none."""
        kinds = self.settings["gpu_kinds"]
        return {name: GpuKind(name, **values) for name, values in kinds.items()}

    def gpu_kind(self, model: str | None = None) -> GpuKind:
        """Return the kind of GPU that a model runs on."""
        return self.gpu_kinds[self.model(model).gpu_kind if model else next(iter(self.gpu_kinds))]

    def model(self, name: str) -> Model:
        """Return what is known of a model, a repository or a local folder."""
        if name not in self._models:
            self._models[name] = self._find(name)
        return self._models[name]

    def _find(self, name: str) -> Model:
        kind = next(iter(self.gpu_kinds))
        if (known := self.settings["models"].get(name)) is not None:
            parameters = known["parameters"]
            return Model(
                name,
                parameters,
                known.get("active_parameters", parameters),
                parameters * known["bytes_per_parameter"],
                known.get("gpu_kind", kind),
                "cluster",
            )
        if weights := _weights(Path(name)):
            return Model(name, weights / 2, weights / 2, weights, kind, "files")
        if sizes := SIZE.findall(Path(name).name):
            parameters = float(sizes[-1]) * 1e9
            return Model(name, parameters, parameters, 2 * parameters, kind, "name")
        size = UNKNOWN_PARAMETERS
        return Model(name, size, size, 2 * size, kind, "unknown")


def _weights(folder: Path) -> int:
    """Bytes of a local model folder's weights, 0 if there are none."""
    if not folder.is_dir():
        return 0
    for pattern in WEIGHTS:
        if size := sum(path.stat().st_size for path in folder.glob(pattern)):
            return size
    return 0
