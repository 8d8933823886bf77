"""Where texts come from: reading, mapping and partitioning of source rows."""
