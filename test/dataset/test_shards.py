"""Shards: together they are the whole work, and no two overlap."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.shards import Shard


@given(st.integers(0, 50), st.integers(1, 9))
def test_shards_are_the_whole_and_disjoint(count: int, shards: int) -> None:
    parts = [list(Shard(index + 1, shards).of(count)) for index in range(shards)]
    assert sorted(itertools.chain(*parts)) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@given(st.sets(st.text(max_size=8)), st.integers(1, 9))
def test_each_name_belongs_to_one_shard(names: set[str], shards: int) -> None:
    parts = [{name for name in names if Shard(index + 1, shards).takes(name)} for index in range(shards)]
    assert sum(map(len, parts)) == len(names)
    assert set().union(*parts) == names


def test_a_shard_is_written_i_of_n() -> None:
    assert Shard.parse("2/4") == Shard(2, 4)
    assert str(Shard(2, 4)) == "2/4"
    for text in ("0/4", "5/4", "1/0", "1", "a/b", "-1/2", "1/2/3", ""):
        with pytest.raises(PlanError, match="a shard is i/n"):
            Shard.parse(text)
