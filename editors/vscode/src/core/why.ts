/** The daemon's records of the last requests, as a page to read. */

export interface Outcome {
  readonly uri: string;
  readonly line: number;
  readonly trigger: string;
  readonly outcome: string;
  readonly explanation?: string;
  readonly message?: string;
  readonly node: string | null;
  readonly model: string | null;
  readonly prompt_tokens: number;
  readonly cached_tokens: number;
  readonly completion_tokens: number;
  readonly tokens_per_s: number | null;
  readonly stages: Readonly<Record<string, number | null>>;
}

/** Returns a Markdown page; newest first, as they come. */
export function whyPage(outcomes: readonly Outcome[]): string {
  if (outcomes.length === 0) {
    return "# Why no completion?\n\nNothing has been asked for yet. Type in a file, or run *Trigger Inline Suggestion*.\n";
  }
  const [newest] = outcomes;
  const sections = outcomes.slice(0, 20).map(section);
  const answer = newest === undefined ? "" : `${newest.explanation ?? newest.message ?? newest.outcome}\n\n`;
  return `# Why no completion?\n\n${answer}${sections.join("\n")}`;
}

function section(each: Outcome): string {
  const file = decodeURIComponent(each.uri.split("/").at(-1) ?? each.uri);
  const where = [each.model, each.node].filter((part) => part !== null).join(" on ");
  const rate = each.tokens_per_s === null ? "" : ` at ${each.tokens_per_s.toFixed(1)}/s`;
  const tokens = `${each.prompt_tokens} read, ${each.cached_tokens} of them cached; ${each.completion_tokens} written${rate}`;
  const stages = Object.entries(each.stages)
    .filter((entry): entry is [string, number] => entry[1] !== null)
    .map(([name, ms]) => `${name.replace(/_ms$/, "").replaceAll("_", " ")} ${ms.toFixed(0)} ms`);
  const lines = [
    `## ${each.outcome} · ${file}:${each.line + 1} · ${each.trigger}`,
    "",
    ...(each.explanation ? [each.explanation, ""] : each.message ? [each.message, ""] : []),
    ...(where === "" ? [] : [`- ${where}`]),
    ...(each.prompt_tokens > 0 ? [`- tokens: ${tokens}`] : []),
    ...(stages.length > 0 ? [`- ${stages.join(", ")}`] : []),
    "",
  ];
  return lines.join("\n");
}
