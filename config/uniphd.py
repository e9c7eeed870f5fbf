"""Settings of main.py, to be edited. main.py reads the assignments below and runs nothing of this file."""

# fully_conv_optim, efficient, fully_conv, original
transformer_type = "fully_conv_optim"
# tinybert, minilm, distilbert, roberta, learned (tite is refused: its files are not here)
text_encoder_type = "minilm"
# segformer_b0, segformer_b1, mobilevit_{xxs,xs,s}, efficientformer_{s0,s1,s2}, poolformer_{s12,s24,s36}, swin_T_224_1k
backbone = "segformer_b0"

num_queries = 20
batch_size = 16
epochs = 20
lr = 0.006
weight_decay = 0.0001


def build_model(args: object = None):  # type: ignore[no-untyped-def]
    """Return the network of these settings with random weights; ``args`` may have attributes of the same names."""
    from uhd.refer.combinations import model_config
    from uhd.refer.model.config import spelt_here
    from uhd.refer.model.network import ReferNetwork
    from uhd.refer.model.vocabulary import Vocabulary

    names = ("transformer_type", "text_encoder_type", "backbone")
    parts = [getattr(args, name, globals()[name]) for name in names]
    return ReferNetwork(model_config(parts[0], parts[1], spelt_here(parts[2]), num_queries), Vocabulary(()))
