from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepdistill import keys

IDS = st.binary(min_size=16, max_size=16).map(bytes.hex)


@given(IDS, st.integers(1, 1000))
def test_a_query_lies_in_exactly_one_of_the_named_shards(query: str, shards: int) -> None:
    assert keys.shard_of(query, shards) in keys.shard_names(shards)


@given(IDS, st.integers(1, 500))
def test_doubling_the_shards_splits_each_in_two(query: str, shards: int) -> None:
    before = int(keys.shard_of(query, shards)[:5])
    assert int(keys.shard_of(query, 2 * shards)[:5]) // 2 == before


@given(st.lists(IDS, min_size=2, max_size=50), st.integers(1, 99))
def test_shards_are_ranges_of_ids_in_order(ids: list[str], shards: int) -> None:
    names = [keys.shard_of(query, shards) for query in sorted(ids)]
    assert names == sorted(names)


BASE = {
    "messages": [{"role": "user", "content": "1+1"}],
    "model": "m@1",
    "settings": {"temperature": 0.6, "top_p": 0.95},
    "pass_number": 1,
    "seed": 1,
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", [{"role": "user", "content": "1+2"}]),
        ("messages", [{"role": "system", "content": "1+1"}]),
        ("model", "m@2"),
        ("settings", {"temperature": 0.7, "top_p": 0.95}),
        ("pass_number", 2),
        ("seed", 2),
    ],
)
def test_every_field_is_part_of_the_request_key(field: str, value: object) -> None:
    assert keys.request_key(**{**BASE, field: value}) != keys.request_key(**BASE)


def test_the_order_of_a_mapping_is_not_part_of_a_key() -> None:
    swapped = {"top_p": 0.95, "temperature": 0.6}
    assert keys.request_key(**{**BASE, "settings": swapped}) == keys.request_key(**BASE)


@given(st.lists(st.text(max_size=5), min_size=4, max_size=4), st.integers(0, 3))
def test_every_field_is_part_of_the_check_key(fields: list[str], place: int) -> None:
    changed = [*fields]
    changed[place] += "x"
    assert keys.check_key(*changed) != keys.check_key(*fields)
