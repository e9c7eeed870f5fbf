"""UltraTinyOD in Keras 3, numerically equal to the torch network: same configuration, layer names, raw map.

Importing :mod:`uhd.keras_detector.anchor_table` makes ``keras.saving.load_model`` know the one layer that is not of
Keras itself.
"""
