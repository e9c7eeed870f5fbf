"""UltraTinyOD in Keras 3, numerically equal to the torch network: same configuration, layer names, raw map, loss.

Importing :mod:`uhd.keras_detector.anchor_table` makes ``keras.saving.load_model`` know the one layer that is not of
Keras itself.
"""

from uhd.keras_detector.backend import choose_backend

choose_backend()
