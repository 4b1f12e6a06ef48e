"""Opening the backend that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deepdistill.models import Identity
from deepdistill.responses.backends.backend import Backend


def backend_opener(
    config: Mapping[str, Any], identity: Identity, threads: int
) -> Callable[[], Backend]:
    """Return a function that opens ``config``'s backend for a model or for published data.

    What a backend needs is imported when it is opened: a job without missing rows must not load
    torch.
    """

    def open_backend() -> Backend:
        if config["backend"] == "published":
            from deepdistill.responses.backends.published import PublishedBackend

            return PublishedBackend(identity.find(), config["question"], config["response"])
        import torch

        from deepdistill.responses.backends.local_transformers import TransformersBackend

        torch.set_num_threads(threads)
        return TransformersBackend(str(identity.find()), config)

    return open_backend
