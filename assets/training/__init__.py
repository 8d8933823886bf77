"""Students, one per arm."""
