"""Read rows of the sources, and turn them into seed tasks, documents and benchmark items."""
