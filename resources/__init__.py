"""What assets use: addresses of models and data, and the clients that read them."""
