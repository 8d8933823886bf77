"""What may be built with: licences, closed model families, and the rules that follow declarations to their end."""
