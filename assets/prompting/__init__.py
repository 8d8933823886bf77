"""The prompts that models get, and how their answers are read."""
