"""The assets that Slingshot builds: pure logic beside thin asset definitions."""

STAGES = ("sources", "generation", "enhancement", "curation", "training", "evaluation")
"""The stages of the pipeline in order. Each asset belongs to one (`Step.group`); tables list them in this order."""
