"""Whether a line of text asks for something. Pure.

Prose around code is taken for what it is. A comment is asked more: ordinary code is full of
comments that begin like an order ("Add the two parts"), so one counts only when its verb is about
changing or explaining code, or when it also points at the code ("make this async").
"""

import re

from orchestrator.retrieval.vocabulary import STRONG_VERBS, WEAK_VERBS

OPENERS = re.compile(
    r"(?:please|now|then|next|also|finally|kindly|bitte|jetzt|por favor|s'il (?:te|vous) pla[iî]t|"
    r"can you|could you|would you|you should|your task is to|i want you to|i need you to|"
    r"i want to|i'd like you to|i would like you to|help me|let's)[\s,:]+",
    re.IGNORECASE,
)
QUESTION = re.compile(
    r"(?:what|why|how|where|which|when|who|is|are|does|do|can|could|should|was|warum|wie|wo|"
    r"pourquoi|comment|qué|cómo|por qué)\b.*\?\s*$",
    re.IGNORECASE | re.DOTALL,
)
POINTER = re.compile(
    r"\b(?:this|these|following|below|above|code|snippet|"
    r"diese[nrms]?|folgende[nrms]?|ce|cette|ces|suivante?|este|esta|estos|siguiente|questo|questa)"
    r"\b|`[^`]+`|\w\(\)|[a-z]_[a-z]|[a-z][A-Z]",
)
WITHOUT_SPACES = re.compile(
    r"请|重构|重写|改写|优化|解释|翻译|添加|修复|実装|書き換え|書き直|リファクタ|してください|説明して|"
    r"리팩터|리팩토|바꿔|고쳐|설명해|перепиши|отрефактори|рефактор|объясни|добавь|исправь|упрости",
    re.IGNORECASE,
)
LABEL = re.compile(
    r"(?:#+\s*|\*\*)?(?:here(?:'s| is| are)|this is|below is|the |my |code|source|input|output|"
    r"answer|response|result|solution|refactored|updated|new|async|current|original|existing|"
    r"context|hier ist|der code|voici|este es)\b[^.?!\n]{0,40}:\s*(?:\*\*)?$|#{1,6}\s*\w+:?\s*$",
    re.IGNORECASE,
)
MAX_LABEL_WORDS = 7


def asks(text: str) -> bool:
    """Whether a comment's `text` asks for a change or an explanation of the code around it."""
    bare = text.strip()
    if WITHOUT_SPACES.search(bare) or QUESTION.match(bare):
        return True
    polite = OPENERS.match(bare)
    while opener := OPENERS.match(bare):
        bare = bare[opener.end() :]
    words = re.findall(r"[^\W\d_]+", bare.lower())
    if not words:
        return False
    if words[0] in STRONG_VERBS:
        return len(words) > 1
    return words[0] in WEAK_VERBS and bool(polite or POINTER.search(bare))


def mentions_a_request(text: str) -> bool:
    """Whether prose contains a verb or a question that asks for something, anywhere."""
    if WITHOUT_SPACES.search(text):
        return True
    words = set(re.findall(r"[^\W\d_]+", text.lower()))
    if words & (STRONG_VERBS | WEAK_VERBS):
        return True
    return any(QUESTION.match(line.strip()) for line in text.split("\n"))


def is_label(line: str) -> bool:
    """Whether a line only announces what follows it: "Here is the code:", "### Response:"."""
    bare = line.strip()
    return bool(LABEL.match(bare)) and len(bare.split()) <= MAX_LABEL_WORDS and not asks(bare)
