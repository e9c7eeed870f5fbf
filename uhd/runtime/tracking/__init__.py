"""People keep their numbers from frame to frame, and are counted at lines and in zones."""
