from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill.plan.memory import STATES, gpu_bytes, node_bytes

RECIPE = {"zero": 0, "offload": False, "lora": None, "dtype": "bfloat16"}
SHARED_OUT = st.integers(1, 3)
GPUS = st.integers(1, 64)


def recipe(**changes: Any) -> dict[str, Any]:
    return {**RECIPE, **changes}


@given(zero=st.integers(0, 3))
def test_one_gpu_holds_everything_at_every_stage(zero: int) -> None:
    assert gpu_bytes(recipe(zero=zero), 1e9, 1) == STATES * 1e9


@given(zero=SHARED_OUT, gpus=GPUS)
def test_each_stage_shares_out_more(zero: int, gpus: int) -> None:
    less, more = recipe(zero=zero - 1), recipe(zero=zero)
    assert gpu_bytes(more, 1e9, gpus) <= gpu_bytes(less, 1e9, gpus)
    assert gpu_bytes(more, 1e9, gpus + 1) < gpu_bytes(more, 1e9, gpus)


@given(gpus=GPUS)
def test_without_zero_each_gpu_has_a_copy(gpus: int) -> None:
    assert gpu_bytes(recipe(), 1e9, gpus) == STATES * 1e9


@given(zero=SHARED_OUT, gpus=GPUS)
def test_what_is_shared_out_leaves_the_gpus_with_offload(zero: int, gpus: int) -> None:
    away = recipe(zero=zero, offload=True)
    assert gpu_bytes(away, 1e9, gpus) < gpu_bytes(recipe(zero=zero), 1e9, gpus)
    assert node_bytes(away, 1e9, gpus, 1) > node_bytes(recipe(zero=zero), 1e9, gpus, 1)


@pytest.mark.parametrize(
    ("changes", "gpus", "nodes", "gigabytes"),
    [
        ({}, 8, 1, 8 * 4),
        ({}, 16, 2, 8 * 4),
        ({"zero": 2}, 8, 1, 8 * 4),
        ({"zero": 3}, 32, 4, 4),
        ({"zero": 3, "offload": True}, 32, 4, 4 + 27 / 4),
        ({"lora": {"rank": 8}}, 8, 1, 8 * 2),
        ({"lora": {"rank": 8}, "dtype": "float32"}, 1, 1, 4),
        ({}, 0, 1, STATES),
    ],
)
def test_a_node_holds_what_its_processes_load(
    changes: dict[str, Any], gpus: int, nodes: int, gigabytes: float
) -> None:
    assert node_bytes(recipe(**changes), 1e9, gpus, nodes) == pytest.approx(gigabytes * 1e9)


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [1, 4])
def test_offload_takes_what_deepspeed_says(nodes: int) -> None:
    stage3 = pytest.importorskip("deepspeed.runtime.zero.stage3")
    theirs, _, _ = stage3.estimate_zero3_model_states_mem_needs(
        total_params=32_000_000_000,
        largest_layer_params=1,
        num_gpus_per_node=8,
        num_nodes=nodes,
        cpu_offload=True,
        cpu_offload_params=True,
    )
    away, here = recipe(zero=3, offload=True), recipe(zero=3)
    ours = node_bytes(away, 32e9, 8 * nodes, nodes) - node_bytes(here, 32e9, 8 * nodes, nodes)
    assert ours == pytest.approx(theirs)
