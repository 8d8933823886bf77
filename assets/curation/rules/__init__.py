"""One file per diversity rule; each declares a `RULE` (see assets/curation/rule.py)."""
