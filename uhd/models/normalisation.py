"""The numbers of every batch-norm, those of the original; torch and Keras layers share them."""

BN_EPS = 1e-3
# Share of the new batch in the running statistics, as torch counts it.
BN_MOMENTUM = 0.03
