"""Kinds of record, bookkeeping tables, views."""
