"""Long tests with random inputs; each is a command that prints its seed, and the suite runs a short part of it."""
