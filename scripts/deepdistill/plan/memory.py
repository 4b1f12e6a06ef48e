"""Memory that a training takes, on each GPU and on each node; activations come on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATES = 16
"""Bytes of a parameter in mixed precision: weights 2, gradients 2, AdamW's copy and moments 12."""

SHARED = {0: 0, 1: 12, 2: 14, 3: 16}
"""How many of them processes share out, by the stage of ZeRO (arXiv 1910.02054, figure 1)."""

OFFLOADED = 27
"""Bytes of a parameter with ``offload``, on all nodes together.

DeepSpeed's ``estimate_zero3_model_states_mem_needs``: 18, and half as many again for buffers.
"""

LOADED = 4
"""Bytes of a parameter as it is loaded for training, and gathered to be written."""

NUMBER = {"float32": 4, "bfloat16": 2}
"""Bytes of a number by the name of its format."""


def gpu_bytes(recipe: Mapping[str, Any], parameters: float, gpus: int) -> float:
    """Return the bytes that a training with a recipe's settings takes on each of its GPUs."""
    if recipe["lora"]:
        return NUMBER[recipe["dtype"]] * parameters
    shared = SHARED[recipe["zero"]]
    return parameters * (STATES - shared + (0 if recipe["offload"] else shared / gpus))


def node_bytes(recipe: Mapping[str, Any], parameters: float, gpus: int, nodes: int) -> float:
    """Return the bytes of a node's own memory that it takes, on each of its nodes.

    Each process loads all weights before they are on its GPU; those that ZeRO's stage 3 shares out
    from the beginning are together when the first process writes them. Without GPUs all is there.
    """
    if not gpus:
        return STATES * parameters
    copies = 1 if recipe["zero"] == 3 else gpus // nodes
    loaded = NUMBER[recipe["dtype"]] if recipe["lora"] else LOADED
    offloaded = OFFLOADED / nodes if recipe["offload"] else 0
    return parameters * (copies * loaded + offloaded)
