"""The database, versions, memo and what is collected."""
