"""Fine-tune the students, one per arm, and the backward model."""
