"""How many processors a process may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from uhd.cores import cgroup_quota, usable_cores


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu.max": ""}, None),
        ({}, None),
    ],
)
def test_the_quota_of_a_container(tmp_path: Path, files: dict[str, str], expected: float | None) -> None:
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert cgroup_quota(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [(None, 8), (2.5, 2), (0.3, 1), (64.0, 8)])
def test_the_least_of_affinity_and_quota(monkeypatch: pytest.MonkeyPatch, quota: float | None, expected: int) -> None:
    monkeypatch.setattr("uhd.cores.os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr("uhd.cores.cgroup_quota", lambda _: quota)
    assert usable_cores() == expected
