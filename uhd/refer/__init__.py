"""The second task: find the one person whom a text, a point, a scribble or a box means."""
