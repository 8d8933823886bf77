"""Addresses of models and data; download and verification."""
