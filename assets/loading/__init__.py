"""From a YAML file to a checked recipe and the models and sources that it names."""
