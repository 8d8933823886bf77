"""From enhanced pairs to training sets."""
