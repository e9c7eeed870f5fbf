"""How well people keep their numbers through a video: HOTA and IDF1."""
