"""What a step may use: models and sources of the recipe, through the memo."""
