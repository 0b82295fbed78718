/**
 * The bench's Qalyptus server, in a process of its own: HTTP read and written by hand on loopback, so that it costs as little of
 * the machine as can be. Ends when its standard input does. Usage: server DELAY_MS [LIMIT_PER_SECOND [OTHER_TASKS]]
 */
import { createServer, type Socket } from "node:net";
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

const REASONS: Readonly<Record<number, string>> = { 200: "OK", 404: "Not Found", 429: "Too Many Requests" };

function respond(socket: Socket, head: string, body: string): void {
  const [method = "", url = ""] = head.slice(0, head.indexOf("\r\n")).split(" ");
  const { status, data } = answer(method, url, body);
  const text = JSON.stringify({ data, isSuccess: status === 200, error: null, errorDetails: null });
  const length = Buffer.byteLength(text);
  const message = `HTTP/1.1 ${status} ${REASONS[status]}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${text}`;
  if (delayMs === 0) socket.write(message);
  else setTimeout(() => socket.write(message), delayMs);
}

/** Requests of one connection come one after the other: none of its callers pipelines. */
function serve(socket: Socket): void {
  let received = "";
  socket.setNoDelay(true);
  socket.setEncoding("latin1");
  socket.on("error", () => socket.destroy());
  socket.on("data", (chunk: string) => {
    received += chunk;
    for (;;) {
      const end = received.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = received.slice(0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? "0");
      if (received.length < end + 4 + length) return;
      const body = received.slice(end + 4, end + 4 + length);
      received = received.slice(end + 4 + length);
      respond(socket, head, Buffer.from(body, "latin1").toString("utf8"));
    }
  });
}

const server = createServer(serve);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`${address.port}\n`);
});
process.stdin.on("end", () => process.exit()).resume();
