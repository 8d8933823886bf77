"""Strategies that raise the quality of pairs."""
