"""Methods that make instruction-response pairs, one file each."""
