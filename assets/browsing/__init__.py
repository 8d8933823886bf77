"""The pages on which people read the rows of a warehouse and decide about them."""
