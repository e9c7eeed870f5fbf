"""Every part with every other: gradients, sizes, padding, files, ONNX; and the published counts of parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import uhd
from tests.refer.small import SMALL, WORDS
from uhd.refer.export import export_refer
from uhd.refer.model import parts
from uhd.refer.model.backbones.efficientformer_v2 import EfficientFormerV2
from uhd.refer.model.backbones.efficientnet_lite import EfficientNetLite
from uhd.refer.model.backbones.mobilevit import MobileViT
from uhd.refer.model.backbones.names import PUBLISHED
from uhd.refer.model.backbones.poolformer import PoolFormer
from uhd.refer.model.backbones.segformer import SegFormer
from uhd.refer.model.backbones.swin import Swin
from uhd.refer.model.bert import SIZES, Bert
from uhd.refer.model.config import BACKBONE_NAMES, TRANSFORMER_NAMES, ReferModelConfig
from uhd.refer.model.masks import masks_of
from uhd.refer.model.network import ReferNetwork
from uhd.refer.model.tiny import TinyBackbone
from uhd.refer.model.valid import Valid
from uhd.refer.model.vocabulary_file import vocabulary_of
from uhd.refer.model.word_pieces import read_pieces

LITE = ((1, 3, 1, 1, 4), (1, 3, 2, 2, 4), (1, 5, 2, 2, 8), (1, 3, 2, 2, 8), (1, 5, 1, 2, 8), (1, 5, 2, 2, 8),
        (1, 3, 1, 2, 8))  # fmt: skip
FAMILIES = {
    "tiny": lambda: TinyBackbone(8),
    "segformer": lambda: SegFormer((8, 8, 20, 16), (1, 1, 1, 1)),
    "mobilevit": lambda: MobileViT((4, 4, 8, 8, 8, 8), (8, 8, 8), 2, 16),
    "efficientformerv2": lambda: EfficientFormerV2((8, 8, 8, 8), ((2,), (2,), (2,), (2, 2)), 1),
    "poolformer": lambda: PoolFormer((8, 8, 8, 8), (1, 1, 1, 1)),
    "swin": lambda: Swin(8, (2, 1, 1, 1), (1, 2, 2, 2)),
    "efficientnet_lite": lambda: EfficientNetLite(LITE, 8),
}
KINDS = TRANSFORMER_NAMES
TOLERANCE = 1e-4  # pixels, in double precision; some constants are single
EVERY = [(f, "learned", kind) for f in FAMILIES for kind in KINDS] + [
    ("tiny", t, kind) for t in SIZES for kind in KINDS
]
# In every run each part is with one other; all with all are slow: pytest -m slow tests/refer/model/test_parts.py
QUICK = {(f, "learned", KINDS[i % 4]) for i, f in enumerate(FAMILIES)} | {
    ("tiny", t, KINDS[i]) for i, t in enumerate(SIZES)
}
PAIRS = [pytest.param(*each, marks=() if each in QUICK else pytest.mark.slow) for each in EVERY]
# Features of four maps; of timm's classifiers where it has one, less their heads.
COUNTS = {
    "segformer_b0": 3_319_392, "segformer_b1": 13_151_424, "mobilevit_xxs": 951_024, "mobilevit_xs": 1_932_848,
    "mobilevit_s": 4_937_632, "efficientformerv2_s0": 3_245_904, "efficientformerv2_s1": 5_735_112,
    "efficientformerv2_s2": 12_131_536, "poolformer_s12": 11_401_152, "poolformer_s24": 20_874_944,
    "poolformer_s36": 30_348_736, "swin_T_224_1k": 27_520_698, "efficientnet_lite0": 2_958_848,
}  # fmt: skip
TEXT_COUNTS = {"tinybert": 14_350_248, "minilm": 22_713_216, "distilbert": 66_362_880, "roberta": 124_645_632}


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def small(monkeypatch: pytest.MonkeyPatch, family: str, text: str, transformer: str) -> ReferNetwork:
    """Return a network of tiny parts: no part's idea depends on its width."""
    monkeypatch.setitem(parts.BACKBONES, "tiny", lambda _: FAMILIES[family]())
    if text != "learned":
        size = replace(SIZES[text], width=24, layers=1, hidden=32, words=20, places=20)
        monkeypatch.setitem(parts.TEXT_ENCODERS, text, lambda c, v: Bert(size, len(v), c.hidden_dim))
    torch.manual_seed(0)
    return ReferNetwork(replace(SMALL, text_encoder_type=text, transformer_type=transformer), WORDS)


@pytest.mark.parametrize(("family", "text", "transformer"), PAIRS)
def test_parts_combine(family: str, text: str, transformer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = small(monkeypatch, family, text, transformer).train()
    words = torch.tensor([[[2, 3, 4, 6]]])
    for height, width in ((64, 96), (88, 56)):
        scene, scores = network(torch.rand(2, 3, height, width), words.expand(2, -1, -1))
        last = scene.last
        said = (scores, last.boxes, last.keypoints, last.person, last.visibility, masks_of(scene, (height, width)))
        early = [each for layer in scene.layers for each in (layer.boxes, layer.keypoints, layer.person)]
        sum(each.square().mean() for each in (*said, *early, scene.heat)).backward()
    wrong = [n for n, p in network.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert wrong == []
    still = [n for n, p in network.named_parameters() if not p.grad.any() and not n.startswith("places.")]
    assert still == []
    # The peaks of an untrained heat map can differ by less than single precision rounds, and then change their order.
    network.eval().double()
    picture = torch.rand(1, 3, 60, 84, dtype=torch.float64)
    padded = torch.rand(1, 3, 96, 128, dtype=torch.float64)  # what lies beyond is no zeros either
    padded[:, :, :60, :84] = picture
    extents = torch.tensor([[84, 60]])
    other = small(monkeypatch, family, text, transformer).eval().double()
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        alone, own = network(picture, words, "text", Valid(extents, (60, 84)))
        bare, plain = network(picture, words)
        again, kept = other(picture, words)
        both, scores = network(padded, words, "text", Valid(extents, (96, 128)))
    assert torch.equal(again.last.boxes, bare.last.boxes)
    assert torch.equal(kept, plain)
    for a, b in ((alone.last.boxes, both.last.boxes), (alone.last.keypoints, both.last.keypoints), (own, scores),
                 (alone.last.boxes, bare.last.boxes)):  # fmt: skip
        assert torch.allclose(a, b, rtol=0, atol=TOLERANCE), (a - b).abs().max()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "transformer"),
    [*((family, "efficient") for family in FAMILIES), *(("tiny", kind) for kind in TRANSFORMER_NAMES)],
)
def test_onnx_answers_as_the_network(
    family: str, transformer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = small(monkeypatch, family, "learned", transformer).eval()
    assert export_refer(network, tmp_path / "refer.onnx", (64, 96), "opencv_inter_linear", {}) < 1e-4


@pytest.mark.parametrize("name", ["mobilevit_xxs", "segformer_b0", "efficientformerv2_s0"])
def test_parameters_are_as_published(name: str) -> None:
    with torch.device("meta"):
        assert count(PUBLISHED[name]()) == COUNTS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*COUNTS, *TEXT_COUNTS])
def test_every_published_size(name: str) -> None:
    if name in TEXT_COUNTS:
        assert Bert(SIZES[name], 30, 64).own_parameters() == TEXT_COUNTS[name]
        return
    backbone = PUBLISHED[name]().eval()
    assert count(backbone) == COUNTS[name]
    with torch.no_grad():
        maps = backbone(torch.rand(1, 3, 70, 101))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (c, -(-70 // s), -(-101 // s)) for c, s in zip(backbone.channels, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize(
    ("transformer", "width", "encoder", "decoder", "low", "high"),
    [("original", 256, 6, 6, 24.6, 30.1), ("efficient", 256, 4, 6, 9.9, 12.2), ("fully_conv", 256, 3, 6, 11.1, 13.6),
     ("fully_conv_optim", 160, 2, 3, 2.0, 3.0)],
)  # fmt: skip
def test_transformers_have_their_claimed_size(
    transformer: str, width: int, encoder: int, decoder: int, low: float, high: float
) -> None:
    config = ReferModelConfig(hidden_dim=width, enc_layers=encoder, dec_layers=decoder, num_queries=20)
    with torch.device("meta"):
        made = parts.TRANSFORMERS[transformer](config, (32, 64, 160, 256))
    assert low * 1e6 <= count(made) <= high * 1e6


def test_names_are_spelt_as_there_and_tite_is_refused() -> None:
    assert tuple(parts.BACKBONES) == BACKBONE_NAMES
    with pytest.raises(uhd.UserError, match="109 million"):
        ReferNetwork(replace(SMALL, text_encoder_type="tite"), WORDS)


def test_words_become_pieces(tmp_path: Path) -> None:
    lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "left", "##most", "the", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(lines) + "\n")
    pieces = read_pieces(tmp_path)
    assert pieces.encode(["The leftmost xyz.", "the"], 8).tolist() == [[2, 6, 4, 5, 1, 7, 3], [2, 6, 3, 0, 0, 0, 0]]
    assert pieces.encode(["the leftmost the"], 4).tolist() == [[2, 6, 4, 3]]
    assert pieces.unknown("the xyz") == ["xyz"]
    assert vocabulary_of(list(pieces.words)).encode(["the"], 9).tolist() == [[2, 6, 3]]
    assert vocabulary_of(["the"]).encode(["the"], 9).tolist() == [[2, 3]]
    (tmp_path / "vocab.txt").write_text("the\n")
    with pytest.raises(uhd.UserError, match="word pieces"):
        read_pieces(tmp_path)
