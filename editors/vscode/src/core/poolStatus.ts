/** What the daemon tells of its pool (`cerebrum/status`), parsed once, here. */

export const POOL_STATES = ["ready", "busy", "loading", "load-shed", "circuit-open", "no-node", "unauthorized"] as const;
export type PoolState = (typeof POOL_STATES)[number];

export interface NodeState {
  readonly name: string;
  readonly state: string;
  readonly model: string | undefined;
  readonly reason: string | undefined;
}

export interface PoolStatus {
  readonly state: PoolState;
  readonly message: string;
  readonly model: string | undefined;
  /** Seconds since 1970; when it will be tried again, if that is known. */
  readonly retryAtS: number | undefined;
  readonly nodes: readonly NodeState[];
}

/** Returns the status, undefined for something else. */
export function parseStatus(params: unknown): PoolStatus | undefined {
  const fields = record(params);
  const state = POOL_STATES.find((each) => each === fields["state"]);
  if (state === undefined) return undefined;
  const nodes = Array.isArray(fields["nodes"]) ? fields["nodes"].map(parseNode) : [];
  return {
    state,
    message: text(fields["message"]) ?? state,
    model: text(fields["model"]) ?? nodes.find((node) => node.state === state)?.model,
    retryAtS: typeof fields["retryAt"] === "number" ? fields["retryAt"] : undefined,
    nodes,
  };
}

function parseNode(value: unknown): NodeState {
  const fields = record(value);
  return {
    name: text(fields["name"]) ?? "?",
    state: text(fields["state"]) ?? "unknown",
    model: text(fields["model"]),
    reason: text(fields["reason"]),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
