"""The 17 keypoints of COCO's persons: names, sides, the lines of a skeleton."""

from __future__ import annotations

KEYPOINT_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
# Pairs of keypoints, counted from 1 as in COCO's files.
SKELETON = [
    [16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10], [9, 11],
    [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7],
]  # fmt: skip
# Of someone who stands and faces the viewer: x and y from the middle of the box, in its widths and heights.
MEAN_POSE = (
    (-0.01, -0.43), (0.05, -0.45), (-0.06, -0.45), (0.13, -0.44), (-0.14, -0.44), (0.24, -0.33), (-0.25, -0.33),
    (0.32, -0.17), (-0.33, -0.17), (0.42, -0.02), (-0.43, -0.02), (0.17, -0.04), (-0.18, -0.04), (0.21, 0.21),
    (-0.22, 0.21), (0.24, 0.44), (-0.26, 0.44),
)  # fmt: skip
