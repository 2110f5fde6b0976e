/** Where a daemon may be installed, and which of those places to take. No disk in here. */

export type Origin = "setting" | "python" | "own" | "pipx" | "uv" | "PATH";

export interface Candidate {
  readonly origin: Origin;
  readonly path: string;
}

export interface Surroundings {
  /** `cerebrum.server.path`; empty: look for it. */
  readonly setting: string;
  /** Folders of the active Python environment that hold programs; empty in an untrusted workspace. */
  readonly pythonFolders: readonly string[];
  /** Where this extension installs the daemon itself. */
  readonly ownFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly isWindows: boolean;
}

/** Returns all places to look at, the best first. A path that is set is the only one. */
export function candidates(around: Surroundings): Candidate[] {
  const slash = around.isWindows ? "\\" : "/";
  const program = around.isWindows ? "cerebrum-lsp.exe" : "cerebrum-lsp";
  if (around.setting.trim() !== "") {
    const path = around.setting.trim().replace(/^~(?=[/\\]|$)/, around.home);
    return [{ origin: "setting", path }];
  }
  const { environment, home } = around;
  const local = [home, ".local", "bin"].join(slash);
  const folders: [Origin, string | undefined][] = [
    ...around.pythonFolders.map((folder): [Origin, string] => ["python", folder]),
    ["own", around.ownFolder],
    ["pipx", environment["PIPX_BIN_DIR"] ?? local],
    ["uv", environment["UV_TOOL_BIN_DIR"] ?? environment["XDG_BIN_HOME"] ?? local],
    ...(environment["PATH"] ?? "").split(around.isWindows ? ";" : ":").map((folder): [Origin, string] => ["PATH", folder]),
  ];
  const seen = new Set<string>();
  return folders.flatMap(([origin, folder]) => {
    // A relative entry of PATH would be looked for in the workspace, whoever wrote that.
    if (folder === undefined || !isAbsolute(folder, around.isWindows) || seen.has(folder)) return [];
    seen.add(folder);
    return [{ origin, path: folder.replace(/[/\\]+$/, "") + slash + program }];
  });
}

/** Returns the first candidate that can be executed. */
export async function choose(
  all: readonly Candidate[],
  isExecutable: (path: string) => Promise<boolean>,
): Promise<Candidate | undefined> {
  for (const each of all) if (await isExecutable(each.path)) return each;
  return undefined;
}

function isAbsolute(folder: string, isWindows: boolean): boolean {
  return isWindows ? /^[A-Za-z]:[/\\]|^\\\\/.test(folder) : folder.startsWith("/");
}
