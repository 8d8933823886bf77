"""The report: a leaderboard with its intervals, its cost and what became of every row, as one page to hand on."""
