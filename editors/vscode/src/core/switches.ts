/** On and off: for everybody, for a language, for this session. */

export interface Switches {
  readonly enabled: boolean;
  /** Language id → whether; `*` stands for those that are not named. */
  readonly languages: Readonly<Record<string, boolean>>;
  /** In place of `enabled` until the window is closed; undefined: as the settings say. */
  readonly session: boolean | undefined;
}

/** Returns what switches completions off in a language, undefined if nothing does. */
export function offBecause(switches: Switches, language: string | undefined): "session" | "everywhere" | "language" | undefined {
  if (!(switches.session ?? switches.enabled)) return switches.session === false ? "session" : "everywhere";
  return isOnFor(switches, language) ? undefined : "language";
}

/** Returns what the session's switch is after a push: where it says what the settings say, it is free again. */
export function pushed(switches: Switches): boolean | undefined {
  const wanted = !(switches.session ?? switches.enabled);
  return wanted === switches.enabled ? undefined : wanted;
}

/** Returns whether a language is on, as far as the settings for languages go. */
export function isOnFor(switches: Switches, language: string | undefined): boolean {
  const { languages } = switches;
  return (language === undefined ? undefined : languages[language]) ?? languages["*"] ?? true;
}
