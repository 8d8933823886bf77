"""The subcommands of slingshot, one module for each group, and the Project that they call."""
