"""Builds the assets: the only folder that imports Dagster."""
