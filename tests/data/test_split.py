from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uhd.data.records import Record
from uhd.data.split import split, split_records, spread
from uhd.errors import UserError
from uhd.objects import Objects


def test_known_order() -> None:
    train, val = split(list(range(10)), 0.8, 0.2, 42)
    assert (train, val) == ([7, 3, 2, 8, 5, 6, 9, 4], [0, 1])


@given(st.integers(2, 300), st.floats(0.05, 0.95), st.integers(0, 9))
def test_nothing_is_lost_or_shared(count: int, share: float, seed: int) -> None:
    train, val = split(list(range(count)), share, 1 - share, seed)
    assert sorted(train + val) == list(range(count))
    assert train
    assert val


def named(*names: str) -> list[Record]:
    return [Record(Path("data") / name, Objects.empty()) for name in names]


def test_by_name_data_that_grew_keeps_its_parts() -> None:
    names = [f"{i}.jpg" for i in range(400)]
    before = split_records(named(*names[:200]), 0.8, 0.2, 3, "name")
    after = split_records(named(*names), 0.8, 0.2, 3, "name")
    for old, new in zip(before, after, strict=True):
        assert {record.image for record in old} <= {record.image for record in new}
    assert len(after[0]) + len(after[1]) == 400
    assert 50 < len(after[1]) < 110
    assert split_records(named(*names), 0.8, 0.2, 4, "name")[1] != after[1]


@pytest.mark.parametrize("seed", range(12))
def test_by_name_no_part_is_empty(seed: int) -> None:
    for parts in (split_records(named("a", "b"), *shares, seed, "name") for shares in ((0.95, 0.05), (0.05, 0.95))):
        assert [len(part) for part in parts] == [1, 1]


def test_shares_below_one_leave_images_out() -> None:
    train, val = split(list(range(100)), 0.5, 0.1, 0)
    assert (len(train), len(val)) == (50, 10)


def test_shares_above_one() -> None:
    with pytest.raises(UserError, match="more than 1"):
        split([1, 2, 3], 0.9, 0.2, 0)


def test_spread_is_even_and_never_more_than_there_are() -> None:
    assert spread(10, 3) == [0, 3, 6]
    assert spread(3, 10) == [0, 1, 2]
    assert spread(0, 5) == []
