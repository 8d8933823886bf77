"""An asset as a plain value, its version, and the code that it depends on."""
