"""What an auditor asks of a warehouse: where a row came from, what came of it, what was lost, and whether it holds."""
