"""Ids, texts, errors and atomic writes, used by everything else."""
