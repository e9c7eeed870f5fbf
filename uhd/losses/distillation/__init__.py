"""What a student learns from a teacher: one file per kind of term, one for how their predictions meet."""
