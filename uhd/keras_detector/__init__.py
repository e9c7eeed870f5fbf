"""UltraTinyOD in Keras 3, numerically equal to the torch network: same configuration, layer names, raw map, loss."""

from uhd.keras_detector.backend import choose_backend

choose_backend()
