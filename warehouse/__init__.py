"""What is stored: records, decisions, edges and versions in DuckDB, and the memo of model calls."""
