"""What a step returns, validated and checked."""
