"""Annotated photographs of people, with descriptions derived from the annotations, as RefHuman files."""
