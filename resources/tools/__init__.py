"""What a step uses: models and sources of the recipe, with model calls through the memo."""
