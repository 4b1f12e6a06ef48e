"""Which of vLLM's engine arguments decide what a model writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NEUTRAL = frozenset(
    {
        "all2all_backend",
        "async_scheduling",
        "block_size",
        "compilation_config",
        "cpu_offload_gb",
        "cpu_offload_params",
        "cudagraph_capture_sizes",
        "decode_context_parallel_size",
        "device_ids",
        "disable_cascade_attn",
        "disable_custom_all_reduce",
        "disable_hybrid_kv_cache_manager",
        "disable_log_stats",
        "distributed_executor_backend",
        "distributed_timeout_seconds",
        "download_dir",
        "enable_chunked_prefill",
        "enable_dbo",
        "enable_eplb",
        "enable_expert_parallel",
        "enable_fault_tolerance",
        "enable_prefix_caching",
        "enable_sleep_mode",
        "enforce_eager",
        "eplb_config",
        "expert_placement_strategy",
        "fault_tolerance_config",
        "gpu_memory_utilization",
        "kv_cache_memory_bytes",
        "kv_cache_metrics",
        "kv_offloading_backend",
        "kv_offloading_size",
        "log_config_file",
        "log_level",
        "logging_config",
        "long_prefill_token_threshold",
        "max_cudagraph_capture_size",
        "max_model_len",
        "max_num_active_seqs",
        "max_num_batched_tokens",
        "max_num_scheduled_tokens",
        "max_num_seqs",
        "max_parallel_loading_workers",
        "num_gpu_blocks_override",
        "numa_bind",
        "numa_bind_cpus",
        "numa_bind_nodes",
        "offload_backend",
        "offload_group_size",
        "offload_num_in_group",
        "offload_params",
        "offload_prefetch_step",
        "optimization_level",
        "performance_mode",
        "pipeline_parallel_size",
        "prefill_context_parallel_size",
        "prefix_caching_hash_algo",
        "ray_workers_use_nsight",
        "safetensors_load_strategy",
        "safetensors_prefetch_block_size",
        "safetensors_prefetch_num_threads",
        "scheduling_policy",
        "shutdown_timeout",
        "stream_interval",
        "tensor_parallel_size",
        "use_tqdm_on_load",
    }
)
"""Arguments that change speed and memory, and what is written by rounding at most.

All others, unknown ones among them, are part of a response's key: rather generate once too often
than keep the responses of another model. ``max_model_len`` can cut a response or refuse a prompt;
which of these rows are made again when it changes, :func:`deepdistill.responses.rows.holds` says.
"""


def decisive(engine: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine arguments that are part of a response's key."""
    return {name: value for name, value in engine.items() if name not in NEUTRAL}


def context_limit(config: Mapping[str, Any]) -> int | None:
    """Return the longest context, in tokens, that the backend of a configuration is given.

    None if it is the model's own: ``max_model_len`` is left out or has no number, or the backend
    is another than vLLM.
    """
    if config["backend"] != "vllm":
        return None
    limit = config["engine"].get("max_model_len")
    return limit if isinstance(limit, int) and limit > 0 else None
