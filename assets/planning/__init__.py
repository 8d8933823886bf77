"""The asset graph of a recipe, and what a build of it would do and cost."""
