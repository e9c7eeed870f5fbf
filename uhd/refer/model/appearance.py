"""What a candidate looks like, read from the picture itself: colours at places of the body, the pose, what is seen.

A backbone that is taught boxes, poses and masks unlearns colour, for people of all colours have the same pose: from
its maps a linear layer told 8 shirts apart in 0.2 of all cases, from the pixels at the same places in 0.9.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from uhd.keypoints import KEYPOINT_NAMES
from uhd.refer.model.layers import sample_at
from uhd.refer.model.scene import Layer
from uhd.refer.model.valid import Valid, cut

_LEAST_SIDE = 2.0  # pixels
_NEAR = 2.0  # as far from the middle of the box, in its sides, as a keypoint counts


class Appearance(nn.Module):
    """Map pictures and the places of candidates to states of a width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        weights = body_weights()
        self.register_buffer("weights", weights, persistent=False)
        self.first = nn.Linear(3 * len(weights) + 3 * len(KEYPOINT_NAMES), 2 * width)
        self.second = nn.Linear(2 * width, width)

    def forward(self, images: Tensor, layer: Layer, valid: Valid | None = None) -> Tensor:
        """Return states (B, Q, D).

        Args:
            images: (B, 3, H, W), 0 to 1.
            layer: what is said of the candidates; taken as given.
            valid: extents of the pictures.
        """
        boxes, keypoints = layer.boxes.detach(), layer.keypoints.detach()
        places = torch.einsum("nk,bqkc->bqnc", self.get_buffer("weights"), keypoints)
        size = (images.shape[2], images.shape[3])
        colours = sample_at(cut(images, valid), places.flatten(1, 2), size)  # black beyond the picture
        centre, side = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]).clamp(min=_LEAST_SIDE)
        pose = ((keypoints - centre[:, :, None]) / side[:, :, None]).clamp(-_NEAR, _NEAR)
        seen = layer.visibility.detach().sigmoid()
        both = torch.cat([colours.reshape(*boxes.shape[:2], -1) * 4 - 2, pose.flatten(2) * 2, seen * 2 - 1], -1)
        states: Tensor = self.second(torch.relu(self.first(both)))
        return states


def body_weights() -> Tensor:
    """Return (N, 17): every row makes a place of the body out of the 17 keypoints; it adds up to 1.

    Six places over the torso, five along each leg, three along each arm, the face and what is above it, and a line
    through each hand along the torso, where things are held.
    """
    number = {name: i for i, name in enumerate(KEYPOINT_NAMES)}

    def at(name: str) -> Tensor:
        return torch.eye(len(number))[number[name]]

    left, right = ([at(f"{side}_{part}") for part in ("shoulder", "hip")] for side in ("left", "right"))
    shoulders, hips = (left[0] + right[0]) / 2, (left[1] + right[1]) / 2
    places = [
        (left[0].lerp(left[1], down)).lerp(right[0].lerp(right[1], down), across)
        for down in (0.2, 0.5, 0.8)
        for across in (0.25, 0.75)
    ]
    for side in ("left", "right"):
        elbow, wrist = at(f"{side}_elbow"), at(f"{side}_wrist")
        hip, knee, ankle = at(f"{side}_hip"), at(f"{side}_knee"), at(f"{side}_ankle")
        places += [hip.lerp(knee, 0.35), hip.lerp(knee, 0.7), knee, knee.lerp(ankle, 0.4), ankle]
        places += [at(f"{side}_shoulder").lerp(elbow, 0.6), elbow.lerp(wrist, 0.5), wrist]
        places += [wrist + along * (hips - shoulders) for along in (-1.6, -0.8, 0.2, 0.45)]
    places += [at("nose"), at("nose") - 0.3 * (hips - shoulders)]
    return torch.stack(places)
