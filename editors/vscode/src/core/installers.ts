/** How the daemon can be installed, from the wheel that this extension carries. */

export interface Tools {
  readonly uv: string | undefined;
  readonly pipx: string | undefined;
  readonly python: string | undefined;
}

export interface Installer {
  readonly label: string;
  readonly detail: string;
  /** Programs with their arguments, to be run one after the other. */
  readonly steps: readonly (readonly string[])[];
}

/**
 * Returns the ways to install `wheel`, the best first.
 *
 * The wheel comes with the extension: no name is looked up in a package index, where it could be
 * somebody else's. What the wheel depends on does come from the index.
 */
export function installers(tools: Tools, wheel: string, ownEnvironment: string, isWindows = false): Installer[] {
  const ways: Installer[] = [];
  if (tools.uv !== undefined) {
    ways.push({
      label: "Install with uv",
      detail: "uv tool install: in an environment of its own, for all editors",
      steps: [[tools.uv, "tool", "install", "--force", wheel]],
    });
  }
  if (tools.pipx !== undefined) {
    ways.push({
      label: "Install with pipx",
      detail: "pipx install: in an environment of its own, for all editors",
      steps: [[tools.pipx, "install", "--force", wheel]],
    });
  }
  if (tools.python !== undefined) {
    const inside = isWindows ? "\\Scripts\\python.exe" : "/bin/python";
    ways.push({
      label: "Install for this editor",
      detail: "an environment in the extension's own folder, gone with it",
      steps: [
        [tools.python, "-m", "venv", ownEnvironment],
        [ownEnvironment + inside, "-m", "pip", "install", "--upgrade", wheel],
      ],
    });
  }
  return ways;
}
