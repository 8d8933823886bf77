"""Load a recipe from a YAML file, check it, and prepare the models and sources that it names."""
