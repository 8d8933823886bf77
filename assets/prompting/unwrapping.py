"""Take off what models wrap around an instruction or an answer: preambles, labels, quotes, fences, tags, closing words.

All forms are ours, from what models write. An instruction is one line, and every wrapper around it goes. An answer may
start with a heading, a list, a quotation or code of its own. So from an answer only these go: a line or label that says
"answer" or "response", a fence that says text or markdown, tags such as `<answer>`, and a last paragraph that only
offers more help. What is taken off twice is taken off once: both functions are idempotent.

Worked example: "Sure! Here is the instruction:\\n**Instruction:** Explain tea." is the instruction "Explain tea.".
"1. Preheat the oven.\\n2. Mix." stays as an answer; as an instruction it is "Preheat the oven.".
"""

from __future__ import annotations

import re

from warehouse.core.texts import has_word

_FLAGS = re.IGNORECASE
# What was asked for, by language: English, German, French, Spanish, Portuguese, Italian, Russian; then languages whose
# words are not found by their ends: Chinese, Japanese, Korean, Arabic, Hindi.
_LATIN = (
    r"instruction|question|prompt|query|task|message|request|anweisung|frage|aufgabe|anfrage|nachricht|consigne|requête"
    r"|tâche|instrucción|pregunta|tarea|consulta|mensaje|instrução|pergunta|tarefa|mensagem|istruzione|domanda|richiesta"
    r"|compito|messaggio|инструкци[яю]|вопрос|задание|запрос|сообщение"
)
_OTHER = r"指令|指示|问题|問題|任务|提示|質問|タスク|지시|질문|과제|تعليمات|سؤال|निर्देश|प्रश्न|सवाल"
_NOUN, _NOUNS = rf"(?:\b(?:{_LATIN})\b|{_OTHER})", rf"(?:\b(?:{_LATIN})s\b)"
_ANSWER = (
    r"(?:\b(?:answer|response|reply|antwort|réponse|respuesta|resposta|risposta|ответ)\b"
    r"|回答|答案|回复|답변|إجابة|उत्तर)"
)
_KIND = (
    r"(?:(?:the|my|your|an?|one|user(?:['’]s)?|new|rewritten|revised|rephrased|paraphrased|modified|evolved|generated"
    r"|final|possible|suggested|example|sample|search|given|original|next|updated|improved)\s+)*"
)
_EAGER = (
    r"(?:sure(?: thing)?|certainly|of course|absolutely|definitely|gladly|yes|okay|ok|great|alright|no problem|got it"
    r"|natürlich|gerne?|klar|bien sûr|certainement|d['’]accord|claro(?: que sí)?|por supuesto|com certeza|certo"
    r"|certamente|конечно|好的|当然(?:可以)?|當然|もちろん(?:です)?|はい|물론(?:입니다|이죠)?|بالتأكيد|बिल्कुल|ज़रूर)"
)
_HERE_IS = (
    r"(?:(?:here(?:['’]s| is| are)|below (?:is|are)|hier (?:ist|sind)|voici|aquí (?:está|tienes?)|aqui está|ecco|вот)\b"
    r"|以下是|以下が|다음은|إليك|यहाँ)"
)
_SAYS_SO = r"(?:(?:this|the following) (?:is|are)|i|i['’]\w+|let me|you (?:could|can|might))\b"
_COLON = r"\s*[:：]\s*"

_LABEL = re.compile(
    rf"(?:#+\s*)?{_KIND}(?:(?P<noun>{_NOUN})|user|human|q)\s*#?\s*\d*\s*(?:\([^()\n]*\)\s*)?#*{_COLON}", _FLAGS
)
_BOLD_LABEL = re.compile(r"(?P<mark>\*{1,3}|_{1,2})(?P<label>[^*_\n]{1,60})(?P=mark)\s*(?P<colon>[:：]?)\s*")
_HEADING = re.compile(rf"#+\s*{_KIND}{_NOUN}\s*\d*\s*#*", _FLAGS)
# "Instruction: the art of teaching" is a title. A search query may well start with a small article.
_TITLE = re.compile(r"(?:the|an?|its|our|their|and|of|in|as|for|to)\s.*[^?]", re.DOTALL)
_EAGER_ONLY = re.compile(rf"{_EAGER}[\s!.,，。！]*", _FLAGS)
_PREAMBLES = (
    re.compile(
        rf"{_EAGER}\s*[!,.，。！–—-]\s*(?:{_HERE_IS}|{_SAYS_SO}|{_KIND}{_NOUN})[^:：\n]{{0,100}}?{_COLON}", _FLAGS
    ),
    re.compile(
        rf"{_HERE_IS}[^:：\n]{{0,60}}?(?:{_NOUN}|\b(?:version|rewrite|paraphrase)\b)[^:：\n]{{0,60}}?{_COLON}", _FLAGS
    ),
    re.compile(rf"{_KIND}{_NOUN}[^:：\n]{{0,60}}?\b(?:is|was|(?:c|w)ould be|might be|reads)\b{_COLON}", _FLAGS),
    re.compile(rf"(?:(?:the|a) )?user\b[^:：\n]{{0,40}}?\b(?:asks?|asked){_COLON}", _FLAGS),
    re.compile(rf"i(?:['’]d| would)? (?:ask|suggest|propose)\b[^:：\n]{{0,40}}?{_COLON}", _FLAGS),
    # "Here are the instructions for a game: …" may itself be part of an instruction, unless its line ends there.
    re.compile(rf"{_HERE_IS}[^:：\n]{{0,60}}?{_NOUNS}[^:：\n]{{0,60}}?{_COLON}\Z", _FLAGS),
)
_POINT = re.compile(r"(?:[-*•>→]|1\s*[.)]|#{1,6})(?:\s+|$)")
_FENCE = re.compile(r"(?:```+|~~~+)\s*[\w+-]*")
_ASKING_TAG = r"instruction|question|prompt|query|task|message|request|output|answer|response"
_TAG = rf"{_ASKING_TAG}|p|b|i|em|strong|blockquote|q"
_TAG_LINE = re.compile(rf"</?(?:{_TAG}|div|pre|code)>", _FLAGS)
_IN_TAGS = re.compile(rf"<(?P<tag>{_TAG})>(?P<inside>(?:(?!</?(?P=tag)>).)*)(?:</(?P=tag)>)?", _FLAGS)
_BRACKETS = re.compile(rf"\[(?:{_NOUN}|inst)\]\s*(?P<inside>.+?)\s*(?:\[/\w+\])?", _FLAGS)
_END_TAG = re.compile(rf"(?P<inside>[^<]*)</(?:{_ASKING_TAG})>", _FLAGS)
_QUOTES = {
    '"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’", "`": "`", "「": "」", "『": "』", "《": "》",
    "***": "***", "**": "**", "__": "__", "*": "*", "_": "_", "``": "``", "```": "```",
}  # fmt: skip

_TEXT_FENCE = re.compile(
    r"(?P<fence>```+|~~~+)[ \t]*(?:markdown|md|text|txt|plain ?text)[ \t]*\n(?P<inside>.*)\n[ \t]*(?P=fence)",
    _FLAGS | re.DOTALL,
)
_FENCE_LINE = re.compile(r"^[ \t]*(?:```+|~~~+)(?P<language>.*)$", re.MULTILINE)
_ANSWER_TAGS = re.compile(r"<(?P<tag>answer|response|output)>(?P<inside>.*)</(?P=tag)>", _FLAGS | re.DOTALL)
_ANSWER_STARTS = (
    re.compile(
        rf"(?:{_EAGER}\s*[!,.，。！]\s*)?{_HERE_IS}[^:：\n]{{0,40}}?{_ANSWER}[^:：\n]{{0,60}}?[:：][ \t]*\n", _FLAGS
    ),
    re.compile(rf"#+[ \t]*{_KIND}{_ANSWER}[ \t]*[:：]?[ \t]*#*[ \t]*\n", _FLAGS),
    re.compile(rf"(?P<mark>\*\*|__){_KIND}{_ANSWER}[ \t]*(?:[:：](?P=mark)|(?P=mark)[ \t]*[:：])", _FLAGS),
    re.compile(rf"(?:{_KIND}{_ANSWER}|assistant)[ \t]*[:：]", _FLAGS),
)
_OFFER = re.compile(
    r"(?:[\w ,']{1,30}[!.]\s+)?(?:please )?"
    r"(?:(?:i )?hope (?:this|that|it) helps|(?:let me know|feel free to (?:ask|reach out)) if (?:you(?:['’]d| would)? "
    r"(?:need|like|want|have)|there(?:['’]s| is)) (?:any(?:thing)? (?:else|other|more|further)|more|further|me to)"
    r"|feel free to ask|if you (?:have|need) any[^.!?]{0,60}(?:feel free to ask|let me know|just ask)"
    r"|is there anything else)[^\n]{0,160}",
    _FLAGS,
)
_LONGEST_LINE = 2_000
"""A longer line is read as it is: no wrapper is that long (ours)."""


def instruction_in(text: str) -> str:
    """The instruction in a text: its first line that is more than a wrapper, unwrapped; "" where there is none.

    A line without a letter or digit, such as "---", is passed over as long as another one follows."""
    wordless = ""
    for line in filter(str.strip, text.splitlines()):
        found = unwrapped(line)
        if has_word(found):
            return found
        wordless = wordless or found
    return wordless


def unwrapped(line: str) -> str:
    """One line without what is wrapped around an instruction; "" where it is nothing but a wrapper."""
    line = line.strip()
    if len(line) > _LONGEST_LINE:
        return line
    while (inner := _once(line).strip()) != line:
        line = inner
    return line


def unwrapped_answer(text: str) -> str:
    """An answer without the wrappers named above. A text without any comes back unchanged, with its margins."""
    while (inner := _answer_once(text.strip())) is not None:
        text = inner
    return text


def _once(line: str) -> str:
    """The line without its outermost wrapper."""
    if any(pattern.fullmatch(line) for pattern in (_FENCE, _TAG_LINE, _HEADING, _EAGER_ONLY)):
        return ""
    if found := _IN_TAGS.fullmatch(line) or _BRACKETS.fullmatch(line) or _END_TAG.fullmatch(line):
        return found["inside"]
    if (found := _BOLD_LABEL.match(line)) and _is_label(found, line[found.end() :]):
        return line[found.end() :]
    for pattern in _PREAMBLES:
        if found := pattern.match(line):
            return line[found.end() :]
    if (found := _LABEL.match(line)) and not _is_title(found, line[found.end() :]):
        return line[found.end() :]
    if found := _POINT.match(line):
        return line[found.end() :]
    return _without_quotes(line)


def _is_label(bold: re.Match[str], rest: str) -> bool:
    """Whether what is in bold at the start of a line is a label: it has a colon, or the line to itself."""
    label = bold["label"].strip()
    ends = bool(bold["colon"]) or label.endswith((":", "："))
    return (ends or not rest) and _LABEL.fullmatch(label.rstrip(":： ") + ":") is not None


def _is_title(label: re.Match[str], rest: str) -> bool:
    return (label["noun"] or "").lower() != "query" and _TITLE.fullmatch(rest.strip()) is not None


def _without_quotes(line: str) -> str:
    for opening, closing in _QUOTES.items():
        inside = line[len(opening) : -len(closing)]
        if line == opening + inside + closing and opening not in inside and closing not in inside:
            return inside
    return line


def _answer_once(text: str) -> str | None:
    """The answer without its outermost wrapper; None where it has none. What would leave nothing is no wrapper."""
    if (found := _TEXT_FENCE.fullmatch(text)) and _balanced(found["inside"]):
        return found["inside"]
    if (found := _ANSWER_TAGS.fullmatch(text)) and f"</{found['tag']}>" not in found["inside"]:
        return found["inside"]
    for pattern in _ANSWER_STARTS:
        if (found := pattern.match(text)) and (rest := text[found.end() :].strip()):
            return rest
    before, _, last = text.rpartition("\n")
    if before.rstrip(" \t").endswith("\n") and before.strip() and _OFFER.fullmatch(last.strip()):
        return before.rstrip()
    return None


def _balanced(inside: str) -> bool:
    """Whether the fences in a fenced text are its own: the first one begins code, and there is an end for each."""
    fences = [found["language"].strip() for found in _FENCE_LINE.finditer(inside)]
    return len(fences) % 2 == 0 and (not fences or fences[0] != "")
