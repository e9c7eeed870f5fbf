"""The first task: find every person in an image."""
