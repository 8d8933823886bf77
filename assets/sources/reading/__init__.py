"""Reading source files: from any format to plain JSON rows, and what could not be read."""
