"""Tokens by which models are steered, written out as text: what comes after them isn't code.

The names are those of the model families' own documentation: Qwen, StarCoder, SantaCoder, Code
Llama, Llama, DeepSeek, Codestral and Mistral, CodeGemma and Gemma, Granite, Phi, GLM, InCoder,
Seed-Coder, gpt-oss.
"""

import re

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.code_style import PROSE, STYLES, style_of

NAMES = (
    *("<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>"),
    *("<fim-prefix>", "<fim-middle>", "<fim-suffix>", "<fim-pad>"),
    *("<[fim-prefix]>", "<[fim-middle]>", "<[fim-suffix]>", "<[end▁of▁sentence]>"),
    *("<file_sep>", "<gh_stars>", "<issue_start>", "<issue_comment>", "<issue_closed>"),
    *("<jupyter_start>", "<jupyter_text>", "<jupyter_code>", "<jupyter_output>"),
    *("<jupyter_script>", "<empty_output>", "<commit_before>", "<commit_msg>", "<commit_after>"),
    *("<EOT>", "<MID>", "<SUF>", "<start_of_turn>", "<end_of_turn>"),
    *("[/INST]", "<</SYS>>", "<eom>"),
)
# They are also words that code and markup use, so they count only where a token would stand.
AT_LINE_START = ("[PREFIX]", "[SUFFIX]", "[MIDDLE]", "[INST]", "<PRE>")
BEFORE_A_NAME = ("<filename>", "<reponame>", "<repo_name>")
AT_LINE_END = ("</s>", "<eos>", "<s>", "<bos>", "<pad>", "<unk>")

BARRED = r"<\|[A-Za-z][\w:.-]{0,40}\|>|<\uff5c[^\uff5c\n]{1,40}\uff5c>"


def _any(names: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, names))


TOKEN = re.compile(
    rf"{BARRED}|{_any(NAMES)}|^[ \t]*(?:{_any(AT_LINE_START)})"
    rf"|^[ \t]*(?:{_any(BEFORE_A_NAME)})(?=[\w./])|(?:{_any(AT_LINE_END)})(?=\s*?$)",
    re.MULTILINE,
)
LEADING = re.compile(
    r"\s*(?:<\|?(?:fim[_-])?(?:middle|MID)\|?>|<\[fim-middle\]>|\[MIDDLE\]"
    r"|<\uff5c(?:fim▁end|begin▁of▁sentence|Assistant)\uff5c>"
    r"|<\|(?:assistant|begin_of_text|code_middle)\|>|<\|im_start\|>(?:assistant\n)?|<s>|<bos>)"
)
BEGUN = re.compile(r"(?:<\|[a-zA-Z_]{3,40}|<\uff5c[^\uff5c\n]{0,40}|<fim[_-][a-z]*)\|?\Z")
QUOTES = frozenset("\"'`")


def cut_special_tokens(text: str, snapshot: Snapshot) -> str:
    """Cut `text` at the first such token; one at its very beginning only introduces it."""
    if "<" not in text and "[" not in text:
        return text
    while (leading := LEADING.match(text)) and _is_leak(text, leading, snapshot):
        text = text[leading.end() :]
    for token in TOKEN.finditer(text):
        if _is_leak(text, token, snapshot):
            return text[: token.start()]
    begun = BEGUN.search(text)
    return text[: begun.start()] if begun else text


def hold_special_tokens(text: str, _: Snapshot) -> str:
    """Hold back the end of a growing text that may become such a token."""
    begin = text.rfind("<")
    if begin < 0 or len(text) - begin > 40:
        return text
    tail = text[begin:]
    is_barred = re.fullmatch(r"<(?:\|[\w:.-]*\|?|\uff5c[^\uff5c\n]*)?", tail)
    names = (*NAMES, *AT_LINE_START, *BEFORE_A_NAME, *AT_LINE_END)
    is_begun = is_barred or any(name.startswith(tail) for name in names)
    return text[:begin] if is_begun else text


def _is_leak(text: str, token: re.Match[str], snapshot: Snapshot) -> bool:
    """Whether a token is neither a tag of markup nor in quotes of its own, as in code on models."""
    is_markup = style_of(snapshot) in (PROSE, STYLES["html"])
    if is_markup and token[0].strip()[:2] not in {"<|", "<\uff5c"}:
        return False
    before = text[token.start() - 1] if token.start() else snapshot.prefix[-1:]
    after = text[token.end() : token.end() + 1]
    return before not in QUOTES or after != before
