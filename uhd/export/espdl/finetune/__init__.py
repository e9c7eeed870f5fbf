"""Fine-tuning of a quantised graph under the rounding of the chip, as a task of the one trainer."""
