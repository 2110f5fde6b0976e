"""The language of code that came without one, from its most telling lines. Pure."""

import re

LOOKED_AT_CHARS = 2048  # each cue reads all of it: 0.7 ms
CUES: dict[str, tuple[str, ...]] = {
    "python": (
        r"^\s*(?:async )?def \w+\(.*?\)?.*:?$",
        r"^\s*class \w+(?:\(.*\))?:$",
        r"^(?:from [\w.]+ )?import [\w., ]+$",
        r"^\s*(?:elif .*|except.*|with .*|for \w.* in .*):$",
    ),
    "javascript": (
        r"^\s*(?:export )?(?:default )?(?:async )?function\*? ?\w*\(",
        r"^\s*(?:const|let|var) [\w{\[].*=",
        r"=> ?[{(]",
        r"\brequire\(|^import .* from ['\"]",
    ),
    "typescript": (
        r"^\s*(?:export )?interface \w+",
        r"^\s*(?:private|public|readonly) \w+[?(:]",
        r"\): (?:Promise<|void|string|number|boolean)",
        r"^\s*(?:export )?type \w+ =",
        r"^\s*(?:const|let) \w+: ",
    ),
    "go": (
        r"^package \w+$",
        r"^func (?:\(\w+ \*?\w+\) )?\w+\(",
        r":= ",
        r"^type \w+ (?:struct|interface) \{",
    ),
    "rust": (
        r"^\s*(?:pub(?:\(\w+\))? )?(?:async )?fn \w+",
        r"^\s*(?:pub )?(?:impl|struct|enum|trait)\b.*\{",
        r"^\s*let (?:mut )?\w+",
        r"^use [\w:]+(?:::\{.*\})?;$",
    ),
    "java": (
        r"^\s*(?:public|private|protected) (?:static |final )*[\w<>\[\]]+ \w+\(.*\{",
        r"^import (?:static )?[\w.]+(?:\.\*)?;$",
        r"^package [\w.]+;$",
        r"^\s*(?:public |final )*class \w+",
    ),
    "csharp": (r"^using [\w.]+;$", r"^\s*namespace [\w.]+", r"\bTask<|\bstring\b.*\{ get;"),
    "cpp": (
        r"^#include <\w+>$",
        r"\bstd::\w",
        r"^\s*(?:template ?<|namespace \w+ \{|class \w+ \{)",
    ),
    "c": (r"^#include [<\"]\w+\.h[>\"]", r"^(?:static |const |unsigned )*\w+ \*?\w+\(.*\) ?\{?$"),
    "ruby": (r"^\s*def \w+[?!]?(?:\(.*\))?$", r"^\s*end$", r"^require(?:_relative)? ['\"]"),
    "php": (r"^<\?php", r"^\s*(?:public |private )?function \w+\(.*\$", r"\$this->"),
    "shellscript": (r"^#!.*\b(?:ba|z|)sh$", r"^\s*(?:fi|done|esac)$", r"^\w+\(\) \{$"),
    "lua": (r"^\s*local \w+ =", r"^\s*(?:local )?function [\w.:]+\(.*\)$", r"^\s*end$"),
    "kotlin": (r"^\s*(?:\w+ )*fun \w+\(", r"^\s*(?:private )?val \w+"),
    "swift": (r"^\s*(?:\w+ )*func \w+\(.*\{", r"^import [A-Z]\w+$", r"\bguard let\b|\blet \w+:"),
    "sql": (r"^(?:SELECT|INSERT INTO|UPDATE|CREATE TABLE|DELETE FROM)\b",),
}
PATTERNS = {
    language: [re.compile(cue, re.MULTILINE) for cue in cues] for language, cues in CUES.items()
}
MIN_CUES = 2


def guess_language(code: str) -> str | None:
    """Return the language of which `code` shows most; None when nothing tells two cues."""
    sample = code[:LOOKED_AT_CHARS]
    shown = {
        language: sum(bool(pattern.search(sample)) for pattern in patterns)
        for language, patterns in PATTERNS.items()
    }
    best = max(shown, key=lambda language: shown[language])
    return best if shown[best] >= MIN_CUES else None
