"""The first version's place of :mod:`uhd.data.formats.yolo`, kept for programs written against it."""

from uhd.data.formats.yolo import ClassMap, parse_labels, read_labels

__all__ = ["ClassMap", "parse_labels", "read_labels"]
