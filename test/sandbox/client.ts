import { setImmediate } from "node:timers/promises";
import { afterEach } from "vitest";
import { parseFault } from "../../src/sandbox/chaos.js";
import { type RunningSandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/server.js";
import type { SandboxTask } from "../../src/sandbox/store.js";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, sourceRowId, tenantAppId } from "../../src/sandbox/world.js";

/** What came back; `cut`: the connection ended without a whole answer. */
export interface Reply {
  readonly status: number | "cut";
  readonly text: string;
  readonly json: unknown;
  readonly headers: Headers;
}

const running: RunningSandbox[] = [];

/** Closes every sandbox of the test that runs. */
export async function closeSandboxes(): Promise<void> {
  await Promise.all(running.splice(0).map((sandbox) => sandbox.close()));
}

afterEach(closeSandboxes);

/** Starts a sandbox on any free port; it is closed after the test. */
export async function sandboxWith(options: SandboxOptions = {}): Promise<RunningSandbox> {
  const sandbox = await startSandbox({ port: 0, seed: "story", ...options });
  running.push(sandbox);
  return sandbox;
}

/** Starts a sandbox with faults as `--fault` takes them. */
export function faulty(...faults: readonly string[]): Promise<RunningSandbox> {
  return sandboxWith({ chaos: { faults: faults.map(parseFault) } });
}

export interface Sending {
  readonly method?: string;
  readonly body?: unknown;
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Record<string, string>;
  readonly key?: string | undefined;
  readonly signal?: AbortSignal;
}

/** Sends one request with node's fetch, with the sandbox's key and a JSON body. */
export async function send(sandbox: RunningSandbox, path: string, sending: Sending = {}): Promise<Reply> {
  const { method = "GET", body, raw, headers = {}, signal } = sending;
  const key = "key" in sending ? sending.key : sandbox.key;
  const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  try {
    const response = await fetch(`${sandbox.url}${path}`, {
      method,
      redirect: "manual",
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(payload === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const isJson = (response.headers.get("content-type") ?? "").startsWith("application/json") && text !== "";
    return { status: response.status, text, json: isJson ? JSON.parse(text) : undefined, headers: response.headers };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    return { status: "cut", text: "", json: undefined, headers: new Headers() };
  }
}

/** The body that maps every report of the first source task to one app. */
export function mappedTo(appId: string, name: string | null, rowIds = firstRows()): Record<string, unknown> {
  return {
    NewName: name,
    OverwriteReportApps: rowIds.map((ReportId) => ({
      ReportId,
      QlikApps: [{ QlikAppId: MASTER_APP_ID, NewQlikAppId: appId }],
    })),
  };
}

/** The rows of the first source task. */
export function firstRows(): readonly string[] {
  return [1, 2, 3].map((report) => sourceRowId(1, report));
}

/** Sends the create of one tenant's copy of the first source task. */
export function duplicate(sandbox: RunningSandbox, name: string, app = 1, sending: Sending = {}): Promise<Reply> {
  return send(sandbox, `/api/v2/tasks/${FIRST_SOURCE_TASK_ID}/duplicate`, {
    method: "POST",
    body: mappedTo(tenantAppId(app), name),
    ...sending,
  });
}

/** Sends the PATCH of a copy's first report. */
export function patchFirstReport(sandbox: RunningSandbox, copy: SandboxTask, app: number): Promise<Reply> {
  const row = copy.reports[0]?.rowId ?? "";
  return send(sandbox, `/api/v2/tasks/${copy.id}/reports/${row}`, {
    method: "PATCH",
    body: {
      OverwriteReportApps: [
        { ReportId: row, QlikApps: [{ QlikAppId: MASTER_APP_ID, NewQlikAppId: tenantAppId(app) }] },
      ],
    },
  });
}

/** The copies that truly are on the server. */
export function copies(sandbox: RunningSandbox): readonly SandboxTask[] {
  return sandbox.tasks().filter((task) => task.copyOf !== null);
}

/** The only copy on the server. */
export function onlyCopy(sandbox: RunningSandbox): SandboxTask {
  const [copy, ...more] = copies(sandbox);
  if (copy === undefined || more.length > 0) throw new Error(`expected one copy, found ${copies(sandbox).length}`);
  return copy;
}

/** The target apps of a copy's reports, in order; an unmapped report counts as `none`. */
export function targets(copy: SandboxTask): readonly string[] {
  return copy.reports.map((report) => report.mappings.map((swap) => swap.newQlikAppId).join("+") || "none");
}

/** The names in a list's answer. */
export function listedNames(reply: Reply): readonly string[] {
  return (reply.json as { data: { name: string }[] }).data.map((task) => task.name);
}

/** Waits until something is so on the server, for as long as the test may take. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate();
}

/** Resolves when a socket or request has been closed, by whichever side. */
export function closed(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", () => resolve());
  });
}
