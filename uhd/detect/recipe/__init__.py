"""A training recipe from what a data set holds: facts, choices with their reasons, files of other frameworks."""
