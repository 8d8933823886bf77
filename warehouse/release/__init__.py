"""Exports of training sets, attestations of exports, and recalls."""
