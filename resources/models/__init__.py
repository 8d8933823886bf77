"""Clients of models: the only folder that imports model libraries."""
