from __future__ import annotations

import pickle

import numpy as np
import pytest

from uhd.objects import Objects

CORNERS = np.arange(16, dtype=np.float32).reshape(4, 4) / 20


def four() -> Objects:
    """Four objects of which the second is ignored; each carries its own number everywhere."""
    return Objects(
        CORNERS,
        np.arange(4),
        np.array([False, True, False, False]),
        np.tile(np.arange(4, dtype=np.float32)[:, None, None], (1, 2, 3)),
        tuple((np.full((3, 2), i, np.float32),) for i in range(4)),
        tuple((f"object {i}",) for i in range(4)),
    )


def assert_rows_together(objects: Objects) -> None:
    assert objects.keypoints is not None
    assert objects.masks is not None
    assert objects.texts is not None
    for i, label in enumerate(objects.labels.tolist()):
        assert np.array_equal(objects.boxes[i], CORNERS[label])
        assert (objects.keypoints[i] == label).all()
        assert (objects.masks[i][0] == label).all()
        assert objects.texts[i] == (f"object {label}",)


def test_ignored_rows_come_last_with_all_that_is_theirs() -> None:
    objects = four()
    assert objects.labels.tolist() == [0, 2, 3, 1]
    assert objects.count == objects.targets.count == len(objects.targets) == 3
    assert np.array_equal(objects.regions, CORNERS[1:2])
    assert_rows_together(objects)


@pytest.mark.parametrize(
    "index", [slice(1, 3), np.array([2, 0, 3]), np.array([True, False, False, True]), np.zeros(0, np.int64)]
)
def test_taking_rows_takes_everything(index: slice | np.ndarray) -> None:
    objects = four()
    taken = objects.take(index)
    assert sorted(taken.labels.tolist()) == sorted(objects.labels[index].tolist())
    assert_rows_together(taken)


def test_what_is_hidden_is_ignored_behind_the_others() -> None:
    objects = four().ignoring(np.array([True, False, False]))
    assert objects.labels.tolist() == [2, 3, 1, 0]
    assert objects.ignored.tolist() == [False, False, True, True]
    assert_rows_together(objects)


def test_joining_keeps_orders_and_fills_what_one_does_not_know() -> None:
    plain = Objects.of(CORNERS[:1], np.array([7]), CORNERS[3:])
    joined = Objects.concat([four(), plain])
    assert joined.labels.tolist() == [0, 2, 3, 7, 1, -1]
    assert joined.keypoints is not None
    assert (joined.keypoints[3] == 0).all()
    assert joined.masks is not None
    assert joined.masks[3] == ()
    assert joined.texts is not None
    assert joined.texts[3] == ()
    assert_rows_together(joined.take(joined.keypoints[:, 0, 0] == joined.labels))
    assert Objects.concat([plain, plain]).keypoints is None
    assert len(Objects.concat([])) == len(Objects.empty()) == 0


def test_objects_travel_between_processes() -> None:
    again = pickle.loads(pickle.dumps(four()))
    assert again.count == 3
    assert_rows_together(again)


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="4 boxes but 3 texts"):
        Objects(CORNERS, np.arange(4), np.zeros(4, bool), texts=((),) * 3)
    with pytest.raises(ValueError, match=r"\(N, 4\)"):
        Objects.of(np.zeros((2, 5), np.float32))
    with pytest.raises(ValueError, match="labels"):
        Objects.of(CORNERS, np.arange(3))
