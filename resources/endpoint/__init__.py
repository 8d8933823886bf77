"""A language model behind an endpoint: what is sent, how the answers are read, and how the server is kept busy."""
