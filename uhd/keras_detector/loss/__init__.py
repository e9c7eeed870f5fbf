"""The anchor objectives of :mod:`uhd.losses` in ``keras.ops``: any backend, static shapes, equal value and gradient."""
