"""Models. No other folder imports model libraries."""
