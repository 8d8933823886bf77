"""What leaves the warehouse: exports, attestations, recalls."""
