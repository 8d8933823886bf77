"""Methods that make instruction-response pairs."""
