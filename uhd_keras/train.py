"""Train a detector in Keras with the flags and defaults of UHD-keras: ``python -m uhd_keras.train``."""

import sys

from uhd.cli.keras_train import train

if __name__ == "__main__":
    sys.exit(train())
