"""Labels written by teachers: photographs without labels become a data set, incomplete labels are completed."""
