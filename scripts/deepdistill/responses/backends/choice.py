"""Opening the backend that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deepdistill.errors import InputError
from deepdistill.models import Identity
from deepdistill.responses.backends.backend import Backend
from deepdistill.responses.backends.purse import Purse


def backend_opener(
    config: Mapping[str, Any],
    identity: Identity,
    threads: int,
    purse: Purse | None = None,
    nodes: int = 1,
) -> Callable[[], Backend]:
    """Return a function that opens ``config``'s backend for a model.

    What a backend needs is imported when it is opened: a job without missing rows must not load
    torch. ``purse`` is what a bought model may cost; ``nodes`` are those of the SLURM job, each
    with ``threads`` CPU threads.

    Raises :class:`InputError` if the backend cannot use several nodes.
    """

    if nodes > 1 and config["backend"] != "vllm":
        raise InputError(
            f"config: nodes: found {nodes} with backend {config['backend']}, allowed: 1, or more "
            "with backend vllm"
        )

    def open_backend() -> Backend:
        match config["backend"]:
            case "openai":
                from deepdistill.responses.backends.openai_server import OpenAIBackend

                return OpenAIBackend(identity.fields["served"], config, purse)
            case "vllm":
                from deepdistill.responses.backends.vllm_engine import VllmBackend

                return VllmBackend(str(identity.find()), config, nodes, threads)
        import torch

        from deepdistill.responses.backends.local_transformers import TransformersBackend

        torch.set_num_threads(threads)
        return TransformersBackend(str(identity.find()), config)

    return open_backend
