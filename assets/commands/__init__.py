"""The commands that ask and vouch, and what all commands share; those that build are in cli.py."""
