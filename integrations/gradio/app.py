"""A demo in the browser, on this machine:  python app.py [MODEL]

It serves 127.0.0.1 alone, and tells nobody that it runs.
"""

from __future__ import annotations

import sys
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray

import uhd
from uhd.draw import draw


def demo(model: str | None = None) -> gr.Blocks:
    """Return the page; ``model`` is a file, or None for the one in the package."""
    detector = uhd.load(model)

    def search(
        image: NDArray[np.uint8] | None, threshold: float
    ) -> tuple[NDArray[np.uint8] | None, str, list[dict[str, Any]]]:
        if image is None:
            return None, "", []
        found = detector(np.ascontiguousarray(image[..., :3]), threshold)
        return draw(image[..., :3], found), f"{len(found)} people", found.to_dicts()

    with gr.Blocks(title="UHD", analytics_enabled=False) as page:
        gr.Markdown("# People, found by a model of one megabyte")
        with gr.Row():
            image = gr.Image(sources=["upload", "webcam", "clipboard"], label="photograph")
            seen = gr.Image(label="found", interactive=False)
        threshold = gr.Slider(0.05, 0.95, detector.spec.conf_thresh, step=0.01, label="least score")
        told = gr.Textbox(label="count", interactive=False)
        boxes = gr.JSON(label="boxes")
        gr.on([image.change, threshold.release], search, [image, threshold], [seen, told, boxes], api_name="search")
    return page


if __name__ == "__main__":
    demo(sys.argv[1] if len(sys.argv) > 1 else None).launch(server_name="127.0.0.1", share=False)
