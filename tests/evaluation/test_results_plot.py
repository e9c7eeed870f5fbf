"""Loss and scores of a run over its epochs, also of a run that was hardly evaluated."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from uhd.errors import UserError
from uhd.evaluation.results_plot import plot_results, read_metrics

ROWS = """epoch,train/loss,train/box,train/lr,train/images_per_second,val/AP50,val/AP
1,8.5,1.2,0.001,120,,
2,6.5,1.0,0.002,121,0.02,0.01
3,nan,0.9,0.003,119,,
4,5.5,0.8,0.004,122,0.11,0.05
"""


def test_only_cells_with_a_number_are_points(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text(ROWS)
    columns = read_metrics(tmp_path / "metrics.csv")
    assert columns["train/loss"] == ([1, 2, 4], [8.5, 6.5, 5.5])
    assert columns["val/AP50"] == ([2, 4], [0.02, 0.11])


@pytest.mark.parametrize("rows", [ROWS, "epoch,train/loss\n1,2.5\n", "epoch,val/AP50\n1,0\n2,0\n"])
def test_writes_a_picture_without_a_display(rows: str, tmp_path: Path, without_pyplot: None) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "metrics.csv").write_text(rows)
    picture = cv2.imread(str(plot_results(tmp_path / "metrics.csv", tmp_path / "new" / "results.png")))
    assert picture is not None
    assert picture.std() > 5


@pytest.mark.parametrize("text", [None, "", "epoch,train/loss\n", "a,b\n1,2\n"])
def test_what_is_no_run(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(UserError, match=r"metrics\.csv"):
        plot_results(tmp_path / "metrics.csv", tmp_path / "results.png")
