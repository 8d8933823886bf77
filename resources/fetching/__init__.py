"""Addresses of models and data, and what fetches and verifies them."""
