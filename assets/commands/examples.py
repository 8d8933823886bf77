"""Examples for the help of commands, by command. A test runs the help of each and compares its options."""

from __future__ import annotations

EXAMPLES = {
    "plan": ("slingshot plan", "slingshot plan '+leaderboard' --all", "slingshot plan --detailed-exitcode --json"),
    "build": ("slingshot build", "slingshot build '+training_sets/self_instruct' --recipe mine.yaml --warehouse mine"),
    "replay": ("slingshot quarantine", "slingshot replay"),
    "reproduce": ("slingshot reproduce exports/self_instruct.intoto.json --to again",),
    "serve": ("slingshot serve generator", "slingshot serve generator --adapters --host 10.0.0.2 --run"),
    "copy": ("slingshot copy old/warehouse", "slingshot copy team.yaml --push"),
    "sync": ("slingshot sync ../colleague/warehouse/data", "slingshot sync /mnt/team/warehouse --push"),
    "up": ("slingshot up", "slingshot up --port 0 --automatic"),
    "browse": ("slingshot browse", "slingshot browse --port 0 --reviewer ann"),
    "schema": ("slingshot schema --out recipe.schema.json",),
    "check": ("slingshot check --recipe mine.yaml", "slingshot check --cost --tokens-per-second 150"),
    "pin": ("slingshot pin --recipe mine.yaml --warehouse mine",),
    "status": ("slingshot status", "slingshot status --json"),
    "show": (
        "slingshot show training_sets/self_instruct --random 10",
        "slingshot show raw_self_instruct --outcome rejected --reason 'cut off'",
    ),
    "log": ("slingshot log", "slingshot log training_sets/self_instruct"),
    "gc": ("slingshot gc --keep 3 --dry-run", "slingshot gc --calls --model generator --kind completion"),
    "why": ("slingshot why 68bda25b", "slingshot why 68bda25b --all"),
    "why-not": ("slingshot why-not 'How do I make Pesto'",),
    "trace": ("slingshot trace wikipedia_leads",),
    "diff": ("slingshot diff 3f2a1b training_sets/self_instruct",),
    "ledger": ("slingshot ledger", "slingshot ledger --every-version --json"),
    "quarantine": ("slingshot quarantine seed_tasks --all",),
    "audit": ("slingshot audit",),
    "review": ("slingshot review --env pr-12 > review.md", "slingshot review --env pr-12 --against release --json"),
    "environments": ("slingshot environments",),
    "promote": ("slingshot promote pr-12",),
    "drop": ("slingshot drop pr-12",),
    "export": ("slingshot export self_instruct --to exports",),
    "merge": ("slingshot merge self_instruct --to students",),
    "attest": ("slingshot attest self_instruct --to exports --key key.pem",),
    "verify": ("slingshot verify exports/self_instruct.intoto.json --key public.pem",),
    "push": ("slingshot push hf://datasets/OWNER/NAME --from exports",),
    "recall": ("slingshot recall wikipedia_leads --dry-run", "slingshot recall 68bda25b --reason 'the author asked'"),
    "report": ("slingshot report --out study.html",),
}


def epilog(command: str) -> str | None:
    """The examples of a command as the end of its help, one to a line."""
    lines = EXAMPLES.get(command)
    return "\n\n".join(["Examples:", *lines]) if lines else None
