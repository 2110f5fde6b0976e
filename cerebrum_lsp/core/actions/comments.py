"""Prose as comments: wrapped, marked, and unable to end the comment that it stands in."""

import textwrap
from dataclasses import dataclass

from cerebrum_lsp.core.filters.code_style import STYLES

WIDTH = 88
NARROWEST = 30  # however deep the code is indented
MOST_LINES = 40  # of an answer that doesn't come to an end


@dataclass(frozen=True)
class CommentForm:
    """The lines before and after a comment (empty: none), and the mark on each line of it."""

    mark: str
    begin: str = ""
    end: str = ""


_JAVADOC = CommentForm(" * ", "/**", " */")
DOC_FORMS = {
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact"), _JAVADOC),
    **dict.fromkeys(("java", "php", "c", "cpp", "kotlin", "scala"), _JAVADOC),
    **dict.fromkeys(("rust", "swift", "csharp"), CommentForm("/// ")),
}
"""Where comments that document differ from others."""


def comment_form(language: str) -> CommentForm | None:
    """Return how a language writes a comment of several lines; None where it has none."""
    style = STYLES.get(language)
    if style is None or style.is_prose:
        return None
    if style.line_comments:
        return CommentForm(f"{style.line_comments[0]} ")
    if style.block_comment is not None and style.is_code:
        return CommentForm("   ", *style.block_comment)
    return None


def doc_form(language: str) -> CommentForm | None:
    """Return how a language documents what comes next."""
    return DOC_FORMS.get(language) or comment_form(language)


def commented(prose: str, form: CommentForm, indentation: str) -> str:
    """Return prose as a comment of whole lines."""
    if form.end:
        prose = prose.replace(form.end.strip(), "")
    width = max(NARROWEST, WIDTH - len(indentation.expandtabs(4)) - len(form.mark))
    lines = [f"{form.mark}{line}".rstrip() for line in wrapped(prose, width)]
    whole = [*filter(None, [form.begin]), *lines, *filter(None, [form.end])]
    return "".join(f"{indentation}{line}\n" for line in whole)


def wrapped(prose: str, width: int) -> list[str]:
    """Return the lines of some paragraphs, a blank one between two of them."""
    lines = list[str]()
    for paragraph in prose.split("\n\n"):
        found = textwrap.wrap(" ".join(paragraph.split()), width, break_on_hyphens=False)
        lines += [*([""] if lines and found else []), *found]
    return lines[:MOST_LINES]
