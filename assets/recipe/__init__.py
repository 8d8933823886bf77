"""The recipe's types. They know no method and no benchmark."""
