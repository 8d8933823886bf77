"""The commands that ask and vouch, and what all commands share; slingshot.py puts them together."""
