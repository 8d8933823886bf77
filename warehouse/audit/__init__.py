"""Read-only questions about a warehouse: the origin and the effects of a row, dropped rows, costs, and consistency."""
