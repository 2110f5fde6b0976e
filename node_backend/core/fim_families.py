"""Families of models that can fill in the middle, as data, and how a model's family is recognised.

Each entry names where its form is described. A model is asked in the form that it was trained
with: other markers, another order or a blank too many cost it most of what it can do.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from node_backend.core.fim import PSM, REPOSITORY_NAME, Arrangement, FimTokens, Layout


@dataclass(frozen=True)
class FileForm:
    """How a family writes text from other files.

    `heading` and `own_heading` are written before a file's text, with its path in place of `{}`;
    `ending` after the text of each other file.
    """

    separator: str | None = None
    repository: str | None = None
    repository_ending: str = "\n"
    heading: str = "{}\n"
    own_heading: str = "{}\n"
    ending: str = ""

    @property
    def markers(self) -> tuple[str, ...]:
        """Its markers that must be single tokens of a vocabulary."""
        return tuple(marker for marker in (self.repository, self.separator) if marker)

    def file_text(self, path: str, text: str) -> str:
        """Return another file as it stands in the prompt."""
        return f"{self.heading.replace('{}', path)}{text}{self.ending}"

    def own_path(self, path: str) -> str:
        """Return what stands before the prefix, or begins it."""
        return self.own_heading.replace("{}", path)

    def repository_text(self) -> str:
        """Return what stands after the repository's marker."""
        return REPOSITORY_NAME + self.repository_ending if self.repository else ""


@dataclass(frozen=True)
class FimFamily:
    """A family of models."""

    name: str
    prefix: str
    suffix: str
    middle: str | None
    """None: generation begins right after the prefix."""
    names: tuple[str, ...]
    """A model belongs to the family if all words of one of these entries are in its name."""
    layout: Layout = PSM
    suffix_first: Arrangement | None = None
    """The order for models of the family that do better with the suffix first."""
    files: FileForm | None = None
    telltales: tuple[str, ...] = ()
    """Further tokens of the vocabulary, where the markers alone could be another family's."""
    by_name_only: bool = False
    """Whether models without FIM have the same vocabulary, so that the name must agree too."""
    blank_before_text: bool = True
    """Whether the suffix may get the blank that a SentencePiece tokeniser puts before a text."""
    written: tuple[str, str, str] | None = None
    """The three markers in text, where that is not how they stand in the vocabulary."""
    controls: tuple[str, ...] = ()
    """Further control tokens that text must not contain."""

    @property
    def required(self) -> tuple[str, ...]:
        """The markers without which the family is not recognised."""
        marks = (self.prefix, self.suffix, self.middle)
        return tuple(marker for marker in marks if marker is not None)

    @property
    def literals(self) -> tuple[str, ...]:
        """All that is a control token for these models if it is written in a text."""
        files = self.files.markers if self.files else ()
        plain = tuple(marker.strip() for marker in self.written or ())
        return (*self.required, *plain, *files, *self.controls)

    def arranged(self, *, suffix_first: bool) -> Layout:
        """Return the layout, with the suffix first where that is asked for and known."""
        if suffix_first and self.suffix_first is not None:
            is_ours = self.suffix_first == "spm"  # no maker's form, but the bundled model's
            return replace(self.layout, arrangement=self.suffix_first, far_prefix_ahead=is_ours)
        return self.layout

    def has_name(self, name: str) -> bool:
        """Whether a model of this name is one of the family."""
        plain = name.lower()
        return any(all(word in plain for word in entry.split()) for entry in self.names)


_QWEN_FILES = FileForm(separator="<|file_sep|>", repository="<|repo_name|>")

FAMILIES = (
    # Qwen2.5-Coder's report (arXiv 2409.12186) and its README, "File-Level Code Completion" and
    # "Repository-Level"; both at once: QwenLM/Qwen3-Coder issue 343. Qwen3-Coder is asked alike.
    # The order with the suffix first is llama.cpp's `--spm-infill`, and the bundled model's own.
    FimFamily(
        name="qwen",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        names=("qwen2.5 coder", "qwen2 coder", "qwen3 coder", "qwen-coder", "cerebrum-tiny"),
        suffix_first="spm",
        files=_QWEN_FILES,
        telltales=("<|repo_name|>", "<|file_sep|>"),
        controls=("<|fim_pad|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    ),
    # CodeGemma's report (arXiv 2406.11409) and its page on prompt structure at ai.google.dev.
    FimFamily(
        name="codegemma",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        names=("codegemma",),
        layout=Layout(separator_first=False),
        files=FileForm(separator="<|file_separator|>"),
        telltales=("<|file_separator|>",),
        controls=("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
    ),
    # IBM's page "Granite: fill in the middle" (ibm.com/granite/docs/models/granite), 3.3 and 4.
    FimFamily(
        name="granite",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        names=("granite4", "granite-4", "granite3.3", "granite-3.3"),
        telltales=("<|end_of_text|>",),
        controls=("<|fim_pad|>", "<|end_of_text|>", "<|start_of_role|>", "<|end_of_role|>"),
    ),
    # StarCoder2's paper (arXiv 2402.19173), section 5.1, and bigcode-project/starcoder2 issue 10:
    # the path belongs to the file, so that it stands after the prefix marker.
    FimFamily(
        name="starcoder2",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        names=("starcoder2",),
        layout=Layout(path_in_prefix=True),
        suffix_first="joined-spm",
        files=FileForm(separator="<file_sep>", repository="<repo_name>", repository_ending=""),
        telltales=("<repo_name>", "<file_sep>"),
        controls=("<fim_pad>", "<|endoftext|>"),
    ),
    # CodeQwen1.5's README: file-level and repository-level completion.
    FimFamily(
        name="codeqwen",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        names=("codeqwen",),
        files=FileForm(separator="<file_sep>", repository="<reponame>"),
        telltales=("<reponame>", "<file_sep>"),
        controls=("<fim_pad>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    ),
    # The card of stabilityai/stable-code-3b; its vocabulary is GPT-NeoX's, hence the telltale.
    FimFamily(
        name="stable-code",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        names=("stable-code", "stablecode"),
        telltales=("<|padding|>",),
        controls=("<fim_pad>", "<|endoftext|>"),
    ),
    # Granite Code Models (arXiv 2405.04324), with StarCoder's vocabulary and both its orders.
    FimFamily(
        name="granite-code",
        prefix="<fim_prefix>",
        suffix="<fim_suffix>",
        middle="<fim_middle>",
        names=("granite code", "starcoder"),
        suffix_first="joined-spm",
        controls=("<fim_pad>", "<|endoftext|>"),
    ),
    # DeepSeek-Coder's README: "Code Insertion", and "Repository Level Code Completion" for the
    # files. V2 has the same markers. What is called hole here stands before the suffix.
    FimFamily(
        name="deepseek-coder",
        prefix="<｜fim▁begin｜>",  # noqa: RUF001 - these are its characters
        suffix="<｜fim▁hole｜>",  # noqa: RUF001
        middle="<｜fim▁end｜>",  # noqa: RUF001
        names=("deepseek coder",),
        layout=Layout(files_in_prefix=True, path_in_prefix=True),
        files=FileForm(heading="#{}\n", own_heading="#{}\n", ending="\n"),
        controls=("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<|EOT|>"),  # noqa: RUF001
    ),
    # Seed-Coder's report (arXiv 2506.03524), section on FIM: suffix first.
    FimFamily(
        name="seed-coder",
        prefix="<[fim-prefix]>",
        suffix="<[fim-suffix]>",
        middle="<[fim-middle]>",
        names=("seed coder",),
        layout=Layout("spm"),
        controls=("<[begin▁of▁sentence]>", "<[end▁of▁sentence]>"),
    ),
    # meta-llama/codellama, `infilling_prompt_tokens` in llama/generation.py: both orders, and a
    # suffix without the blank. No form for several files (its issue 209).
    FimFamily(
        name="codellama",
        prefix="▁<PRE>",
        suffix="▁<SUF>",
        middle="▁<MID>",
        names=("codellama", "code-llama"),
        suffix_first="joined-spm",
        blank_before_text=False,
        written=("<PRE> ", " <SUF>", " <MID>"),
        controls=("<EOT>", "<s>", "</s>"),
    ),
    # Mistral's mistral-common, `encode_fim`: suffix first and no third marker. The same control
    # tokens are in the vocabulary of Mistral's chat models. Files: as Continue writes them for it.
    FimFamily(
        name="codestral",
        prefix="[PREFIX]",
        suffix="[SUFFIX]",
        middle=None,
        names=("codestral",),
        layout=Layout("spm", files_in_prefix=True, path_in_prefix=True),
        files=FileForm(heading="+++++ {}\n", own_heading="+++++ {}\n", ending="\n\n"),
        by_name_only=True,
        controls=("[MIDDLE]", "<s>", "</s>", "[INST]", "[/INST]"),
    ),
    # Whatever else has Qwen's three markers, but none of its others.
    FimFamily(
        name="unnamed",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        names=(),
        suffix_first="spm",
        controls=("<|fim_pad|>", "<|endoftext|>"),
    ),
)

NOT_FOR_FIM = ("mamba",)  # Mamba-Codestral was not trained with it, says its makers' answer there


def family_named(name: str) -> FimFamily | None:
    """Return the family that a model's name tells, for engines that tell no more."""
    if any(word in name.lower() for word in NOT_FOR_FIM):
        return None
    return next((family for family in FAMILIES if family.has_name(name)), None)


def family_in(template: str) -> FimFamily | None:
    """Return the family whose markers a template contains; without files, of which it tells none.

    Several families have the same markers and order, and there it is the same which is found.
    """
    for family in FAMILIES:
        marks = [marker.strip() for marker in family.written or family.required]
        if all(marker in template for marker in marks):
            return replace(family, files=None)
    return None


def marks_from(
    family: FimFamily, ids: Sequence[int], files: Sequence[int], *, suffix_first: bool = False
) -> FimTokens:
    """Return the markers of a model as numbers.

    `ids` are those of `family.required`; `files` those of `family.files.markers`, or nothing where
    the vocabulary lacks them.
    """
    prefix, suffix, *middle = ids
    repository = separator = None
    if family.files and len(files) == len(family.files.markers):
        numbers = dict(zip(family.files.markers, files, strict=True))
        repository = numbers.get(family.files.repository or "")
        separator = numbers.get(family.files.separator or "")
    return FimTokens(
        family.name,
        prefix,
        suffix,
        middle[0] if middle else None,
        repository,
        separator,
        family.arranged(suffix_first=suffix_first),
    )
