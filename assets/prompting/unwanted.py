r"""Reject pairs by what they say: refusals, placeholders, and what the recipe's own patterns find.

The patterns are ours, from what models write. `enhancement.heuristics.unwanted` replaces the list of a name, such as
`placeholder: []`, or adds a name. They are searched in the instruction and in the response, with the regular
expressions of Rust (https://docs.rs/regex): these take time in proportion to the text, whatever the pattern, and so
have no look-around and no back-references. `(?i)` ignores case.

Worked example: the response "I'm sorry, but as an AI language model I cannot help." is a refusal, "Dear [Your Name]," a
placeholder. "I'm sorry, but I can't go," she said, is neither.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from warehouse.core.texts import shortened

_GAP = r"[^.!?\n]{0,60}"
_CANNOT = (
    r"(?:can(?:no|['’])t|can not|am unable to|am not able to|['’]m unable to|['’]m not able to|won['’]t"
    r"|must decline to)"
)
_DO = (
    r"(?:help(?: you\b| with\b| anyone\b|\W*[.!]|\W*$)|assist|comply|do (?:that|this)\b|discuss|engage in"
    r"|participate in|(?:fulfill?|complete|process|respond to|answer|engage with) (?:that|this|the|your|such|any"
    r"|requests?|questions?)\b"
    r"|(?:provide|generate|create|write|produce) (?:that|this|the|you|your|such|any|information|content|instructions?"
    r"|advice|an? (?:answer|instruction|response))\b)"
)
_AI = r"an? (?:AI|A\.I\.|artificial intelligence|(?:large )?language model)\b"
_I_AM = r"I(?:['’]m| am)"

UNWANTED: Mapping[str, tuple[str, ...]] = {
    "refusal": (
        rf"(?i)\b(?:as|because {_I_AM}|since {_I_AM}) {_AI}{_GAP},? (?:I\b|my\b)",
        rf"(?i)\b{_I_AM} (?:just |only |merely )?{_AI}{_GAP}\b(?:{_CANNOT}|do not have|don['’]t have|not able)",
        rf"(?i)^\W*(?:{_I_AM} |we are |we['’]re )?(?:very |so |really |truly )?sorry\b[^\n]{{0,80}}\b(?:I|we) ?"
        rf"{_CANNOT} {_DO}",
        rf"(?i)^\W*(?:unfortunately,? |(?:I |my )?apolog(?:i[sz]e|ies),? (?:but )?|regrettably,? )?I ?{_CANNOT} {_DO}",
        # German, French, Spanish, Portuguese, Italian, Russian, Chinese, Japanese
        rf"(?i)^\W*(?:Leider|Es tut mir leid|Tut mir leid)\b{_GAP}\b(?:kann ich|ich kann){_GAP}\b(?:nicht|keine)",
        rf"(?i)\bAls (?:eine? )?(?:KI|künstliche Intelligenz){_GAP}\b(?:kann|bin|habe) ich\b",
        r"(?i)\bEn tant qu(?:['’](?:une )?(?:IA|intelligence artificielle)|e modèle (?:de langage|linguistique)), je\b",
        rf"(?i)^\W*(?:Je suis )?désolée?\b{_GAP}\bje ne (?:peux|suis) pas\b",
        rf"(?i)\bComo (?:una? )?(?:modelo de (?:lenguaje|linguagem)|IA|intelig[eê]ncia artificial)\b{_GAP}"
        r"\b(?:no|não) ",
        rf"(?i)^\W*(?:Lo siento|Desculpe|Mi dispiace)\b{_GAP}\b(?:no puedo|não posso|non posso)\b",
        rf"(?i)\b(?:Как|Я) (?:ИИ|языковая модель|искусственный интеллект)\b{_GAP}\bне\b",
        rf"(?i)^\W*(?:Извините|К сожалению|Простите){_GAP}\bя не могу\b",
        r"作为(?:一个|一款|一名|一种)?(?:AI|人工智能|大?型?语言模型)[^。！？\n]{0,30}我",
        r"^\W*(?:很?抱歉|对不起)[^。！？\n]{0,30}(?:无法|不能)(?:提供|回答|帮助|协助|生成|完成|满足)",
        r"(?:AI|人工知能)(?:言語モデル)?として、",
        r"^\W*(?:申し訳(?:ありません|ございません)|すみません)[^。！？\n]{0,60}(?:できません|できかねます)",
    ),
    "placeholder": (
        r"(?i)\[(?:insert|enter|add your|fill in|specify|your|recipient|sender|company|employer|client|customer)"
        r"(?:['’]s)? [^\]\n]{1,80}\](?:[^(]|$)",
        r"(?i)\[(?:placeholder|name here|date here|address|phone number|email address)\](?:[^(]|$)",
        r"(?i)<(?:insert|enter|fill in) [^>\n]{1,80}>",
        r"(?i)<\s*no[ _-]?(?:in|out)put\s*>",
        r"(?i)^\W*(?:n/a|none|no[ _-]?(?:in|out)put(?: (?:is )?(?:needed|required|necessary|available|provided))?"
        r"|not applicable|no (?:response|answer)|tbd|to be determined|todo|placeholder)\W*$",
        r"^\s*(?:…|\.{3})\s*$",
        r"(?i)^\W*lorem ipsum\b",
    ),
}
"""The patterns of each name, of which one is enough."""

COLUMNS = ("response", "instruction")


def unwanted(pairs: pl.DataFrame, given: Mapping[str, tuple[str, ...]] | None) -> dict[str, str]:
    """The reason to reject a pair (columns id, instruction, response), by its id: the first pattern that it has."""
    reasons: dict[str, str] = {}
    for name, patterns in {**UNWANTED, **(given or {})}.items():
        for pattern in patterns:
            for column in COLUMNS:
                found = pairs.filter(pl.col(column).str.contains(pattern))["id"]
                for row_id in found:
                    reasons.setdefault(row_id, f"{name} in the {column}: {shortened(pattern, 60)}")
    return reasons
