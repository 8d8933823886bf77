"""Predictions, scores and the leaderboard."""
