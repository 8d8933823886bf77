"""The recipe's types, which do not depend on any method or benchmark."""
