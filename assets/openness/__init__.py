"""Rules for what a build may use: licences, closed model families, and checks of everything that is declared."""
