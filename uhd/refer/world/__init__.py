"""A drawn world: articulated figures with exact keypoints and masks, and descriptions that are true and unique."""
