"""RoBERTa's vocabulary: texts are cut, bytes are joined, numbers are ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import uhd
from uhd.refer.model.byte_pairs import BytePairs, chunks_of, read_byte_pairs
from uhd.refer.model.vocabulary_file import read_vocabulary, vocabulary_of

MERGES = ["l e", "Ġ t", "le f", "Ġt h", "Ġth e", "lef t", "a a"]
TEXTS = ["the left", "  left\n\t the  ", "Zoë's 3² don't_x", "人 left!!  ", "aaa aaaaa", ""]


def write_vocabulary(folder: Path, merges: list[str] = MERGES) -> Path:
    """Write all bytes, as the published files spell them, and what pairs of them make."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [*map(chr, plain), *(chr(256 + i) for i in range(256 - len(plain)))]
    words = ["<s>", "<pad>", "</s>", "<unk>", *letters, *(merge.replace(" ", "") for merge in merges), "<mask>"]
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "chunks"),
    [("It's 12th,  she'll\n go", ["It", "'s", " 12", "th", ",", " ", " she", "'ll", "\n", " go"]),
     ("a  ", ["a", "  "]), ("x²½é", ["x", "²½", "é"]), ("", [])],
)  # fmt: skip
def test_texts_are_cut_as_by_gpt2(text: str, chunks: list[str]) -> None:
    assert chunks_of(text) == chunks


def test_the_earliest_pair_is_joined_first(tmp_path: Path) -> None:
    read = read_byte_pairs(write_vocabulary(tmp_path))
    number = read.number
    assert [number[word] for word in ("<pad>", "<s>", "</s>", "<unk>")] == [0, 1, 2, 3]
    wanted = [1, number["lef"], number["a"], number["Ġthe"], 2]
    assert read.encode(["lefa the"], 9).tolist() == [wanted]
    assert read.encode(["aaa", "the left the"], 4).tolist() == [
        [1, number["aa"], number["a"], 2],
        [1, number["t"], number["h"], 2],
    ]
    assert read.unknown("Zoë 人") == []
    assert len(read) == 4 + 256 + len(MERGES) + 1


def test_a_kept_list_is_the_same_vocabulary(tmp_path: Path) -> None:
    read = read_vocabulary(write_vocabulary(tmp_path))
    kept = vocabulary_of(json.loads(json.dumps(list(read.words))))
    assert isinstance(kept, BytePairs)
    assert (kept.encode(TEXTS, 50) == read.encode(TEXTS, 50)).all()


def test_the_tokenizers_package_says_the_same(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    write_vocabulary(tmp_path)
    theirs = tokenizers.ByteLevelBPETokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    ours = read_byte_pairs(tmp_path)
    for text in TEXTS:
        row = ours.encode([text], 99)[0].tolist()
        assert row[1:-1] == theirs.encode(text).ids, text  # none of them is a start or padding


@pytest.mark.parametrize("what", ["json", "marks", "pair"])
def test_damaged_files_are_named(what: str, tmp_path: Path) -> None:
    write_vocabulary(tmp_path, ["l e", "l"] if what == "pair" else MERGES)
    if what != "pair":
        (tmp_path / "vocab.json").write_text("[" if what == "json" else '{"a": 0}')
    with pytest.raises(uhd.UserError, match="vocab"):
        read_byte_pairs(tmp_path)
