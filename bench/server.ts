/**
 * The bench's Qalyptus server, in a process of its own: Node's own HTTP server on loopback, as anybody would write one to measure
 * against. Ends when its standard input does. Usage: server DELAY_MS [LIMIT_PER_SECOND [OTHER_TASKS]]
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { guid, MASTER_APP, REPORT, SOURCE_ROW, SOURCE_TASK } from "./world.js";

const delayMs = Number(process.argv[2] ?? "0");
const limit = Number(process.argv[3] ?? "0");
/** Tasks that are there already and have nothing to do with what is made; with more than anybody needs of them. */
const others = Array.from({ length: Number(process.argv[4] ?? "0") }, (_, number) => ({
  id: guid("88888888", number),
  name: `Weekly overview of region ${number}`,
  description: "",
  isActive: true,
  testMode: false,
  lastExecution: "2026-01-01T00:00:00.000Z",
  ownerId: SOURCE_ROW,
}));
const listed: { readonly id: string; readonly name: string }[] = [
  { id: SOURCE_TASK, name: "Monthly figures" },
  ...others,
];

interface Copy {
  readonly id: string;
  readonly name: string;
  readonly newApp: string;
}

let made = 0;
const byId = new Map<string, Copy>();
let refused = 0;
let second = 0;
let inSecond = 0;

/** The model of a limit: beyond so many writes in one second of the clock, 429. */
function isBeyondLimit(): boolean {
  if (limit === 0) return false;
  const now = Math.floor(performance.now() / 1000);
  if (now !== second) inSecond = 0;
  second = now;
  inSecond += 1;
  return inSecond > limit;
}

function answer(method: string, url: string, body: string): { readonly status: number; readonly data: unknown } {
  const [path = "", query = ""] = url.split("?");
  const parts = path.split("/").slice(3);
  if (path === "/bench") return { status: 200, data: { copies: made, refused } };
  if (method === "POST" && parts[2] === "duplicate") return create(body);
  if (method !== "GET" || parts[0] !== "tasks") return { status: 404, data: null };
  const id = parts[1];
  if (id === undefined) return { status: 200, data: list(new URLSearchParams(query)) };
  return read(id, parts[2]);
}

function create(body: string): { readonly status: number; readonly data: unknown } {
  if (isBeyondLimit()) {
    refused += 1;
    return { status: 429, data: null };
  }
  const request = JSON.parse(body);
  const newApp = request.OverwriteReportApps[0].QlikApps[0].NewQlikAppId;
  const copy = { id: guid("66666666", made + 1), name: request.NewName, newApp };
  made += 1;
  listed.push({ id: copy.id, name: copy.name });
  byId.set(copy.id, copy);
  return { status: 200, data: copy.id };
}

function list(query: URLSearchParams): unknown {
  if (query.get("get_all") === "true") return listed;
  const [page, size] = [Number(query.get("page") ?? "1"), Number(query.get("page_size") ?? "10")];
  return listed.slice((page - 1) * size, page * size);
}

function read(id: string, what: string | undefined): { readonly status: number; readonly data: unknown } {
  const copy = byId.get(id);
  if (copy === undefined && id !== SOURCE_TASK) return { status: 404, data: null };
  switch (what) {
    case undefined:
      return { status: 200, data: { id, name: copy?.name ?? "Monthly figures", isActive: false, testMode: false } };
    case "reports":
      return { status: 200, data: [reportRow(copy)] };
    default:
      return { status: 200, data: [] };
  }
}

function reportRow(copy: Copy | undefined): unknown {
  const row = { reportID: REPORT, name: "Sales", type: "Report" };
  if (copy === undefined) return { id: SOURCE_ROW, ...row, overwriteReportApps: [] };
  const rowId = copy.id.replace(/^6+/, "77777777");
  const qlikApps = [{ qlikAppId: MASTER_APP, newQlikAppId: copy.newApp }];
  return { id: rowId, ...row, overwriteReportApps: [{ reportId: rowId, qlikApps }] };
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const { status, data } = answer(request.method ?? "", request.url ?? "", Buffer.concat(parts).toString("utf8"));
    const text = JSON.stringify({ data, isSuccess: status === 200, error: null, errorDetails: null });
    const send = (): void => {
      response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
      response.end(text);
    };
    if (delayMs === 0) send();
    else setTimeout(send, delayMs);
  });
}

const server = createServer(serve);
// No connection is closed for being idle while a program plans.
server.keepAliveTimeout = 0;
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});
process.stdin.on("end", () => process.exit()).resume();
