"""The graph of edges between records, and withdrawals."""
