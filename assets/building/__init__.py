"""What Dagster builds: the only folder that imports it."""
