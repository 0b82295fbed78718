import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { isSameFile } from "../files/paths.js";
import { copyLines, findHead } from "../log/copy.js";
import { History, type HistoryEvent, type HistoryRun } from "../log/history.js";
import type { LogPlace, ReadLog } from "../log/port.js";
import { isPostgresUrl, isSameLog, parsePostgresUrl } from "../log/postgres/address.js";
import type { LogRecord } from "../log/records.js";
import { type TableColumn, tableLines, toText } from "../reporter/layout.js";
import type { Look } from "../reporter/look.js";
import { jsonAnswer } from "../results/json.js";
import { commandLine, hintOf } from "../shared/hints.js";
import { foldTenantKey } from "../shared/ids.js";
import { EXIT, type ExitCode, type StopError, stopError } from "../shared/problems.js";
import { shellWord } from "../shared/quoting.js";
import { nearestKeys } from "../shared/spelling.js";
import { counted, oneLine } from "../shared/text-safety.js";
import { databaseAt, findLog, placeOf, whoRuns, withOpenLog } from "./command-log.js";
import { checkSignature, signatureFault } from "./head-signature.js";
import type { Host } from "./host.js";
import type { SettingsOf } from "./settings.js";
import { openTelling } from "./telling.js";

type Telling = Awaited<ReturnType<typeof openTelling>>;

/**
 * `log verify`: walks the chain; with a head that was noted once, says whether it is in this log, with `--signature` whether its last
 * signature is good. No network but a database's.
 */
export async function logVerifyCommand(host: Host, settings: SettingsOf["log verify"]): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  const { place } = await findLog(host, settings);
  const { heads, signature } = settings;
  let lastSigned = undefined as SignedLine | undefined;
  const read = await place.read((record) => {
    if (record.type === "signed") lastSigned = record;
  });
  const log = existing(place, read);
  const { path, seq, digest } = log.head;
  await telling.warn(log.warnings);
  for (const noted of heads) {
    if ((await findHead(place, noted)).found) continue;
    const where = noted.seq > seq ? `it ends with seq ${seq}` : `seq ${noted.seq} has another digest`;
    const message = `The head ${noted.seq}:${noted.digest} is not in the idempotency log ${path}: ${where}.`;
    throw stopError(EXIT.log, "LOG_HEAD_MISSING", message, { file: path });
  }
  const signed = signature === undefined ? undefined : await verifiedHead(host, place, lastSigned, signature);
  const found = heads.map((noted) => ({ ...noted, recordsSince: seq - noted.seq }));
  // The signature's own record is no news.
  const unsigned = signed && seq - signed.seq - 1;
  if (settings.output.format === "human") {
    const said = [
      `${path} is whole: ${counted(seq, "record")}, head ${seq}:${digest}`,
      ...(found.length === 0 ? [NO_HEAD] : []),
      ...found.map(
        (noted) =>
          `The noted head ${noted.seq} is in it, ${counted(noted.recordsSince, "record")} ago: up to there nothing has changed since it was noted.`,
      ),
      ...(signed ? [`The head ${signed.seq} is signed; not signed: ${counted(unsigned ?? 0, "record")} since.`] : []),
    ];
    await telling.answer(toText(said));
  } else {
    const noting = found.length > 0 && { noted: found };
    const signing = signed && { signed: { ...signed, recordsSince: unsigned } };
    const told = { log: log.head, ...noting, ...signing, warnings: log.warnings };
    await answerJson(telling, { version: 1, command: "log verify", ...told });
  }
  return EXIT.ok;
}

const NO_HEAD =
  "Each record fits the one before it. Whether records were cut from its end, or all of it was written anew, only a head shows that was noted before: --head SEQ:DIGEST";

type SignedLine = Extract<LogRecord, { readonly type: "signed" }>;

/** The head whose signature is good. Throws a StopError (exit 6) where none is. */
async function verifiedHead(host: Host, place: LogPlace, line: SignedLine | undefined, command: string) {
  if (line === undefined) throw signatureFault(place.path, "nothing in it is signed");
  // The signature stands right behind what it signs.
  if (line.head.seq !== line.seq - 1 || !(await findHead(place, line.head)).found)
    throw signatureFault(place.path, `record ${line.seq} signs what is not in it`);
  await checkSignature(place.path, line, command, host.env);
  return line.head;
}

async function answerJson(telling: Telling, answer: object): Promise<void> {
  await telling.answer(jsonAnswer({ ...answer, errors: [], exitCode: EXIT.ok }));
}

/** A log that must be there. Throws a StopError (exit 2) where there is none. */
function existing(place: LogPlace, log: ReadLog) {
  if (log.head !== null) return { ...log, head: log.head };
  const hint = hintOf(
    "Name it with --idempotency-log. The first sync makes it. To see what it would do:",
    commandLine("sync", "tenants.csv", "--dry-run"),
  );
  throw stopError(EXIT.usage, "NO_LOG", `there is no idempotency log ${place.path}`, { hint, file: place.path });
}

/** `log history`: each record of the tenants that are named, or each run. */
export async function logHistoryCommand(host: Host, settings: SettingsOf["log history"]): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  const { place } = await findLog(host, settings);
  const wanted = new Set<string>(settings.tenants.map(foldTenantKey));
  const history = new History((tenant) => wanted.has(foldTenantKey(tenant)));
  const log = existing(place, await place.read((record, before) => history.take(record, before)));
  await telling.warn(log.warnings);
  const recorded = new Set(history.events.flatMap(({ tenant }) => (tenant === undefined ? [] : foldTenantKey(tenant))));
  for (const asked of settings.tenants) {
    if (recorded.has(foldTenantKey(asked))) continue;
    const keys = [...log.state.tenants()].map(({ key }) => key);
    const near = nearestKeys(asked, keys, 3);
    const hint = near.length === 0 ? undefined : `The nearest keys are ${near.join(", ")}`;
    const message = `the log ${place.path} has no record of a tenant "${asked}"`;
    throw stopError(EXIT.usage, "TENANT_UNKNOWN", message, { hint, file: place.path, value: asked });
  }
  const ofTenants = settings.tenants.length > 0;
  if (settings.output.format === "human") {
    const lines = ofTenants
      ? eventLines(history.events, telling.look)
      : tableLines(RUN_COLUMNS, history.runs(), telling.look);
    await telling.answer(toText([...lines]));
  } else {
    const told = ofTenants ? { records: history.events } : { runs: history.runs() };
    await answerJson(telling, { version: 1, command: "log history", log: log.head, ...told, warnings: log.warnings });
  }
  return EXIT.ok;
}

function whoOf(by: HistoryRun["by"]): string {
  return by === undefined ? "" : [by.user, by.host, by.ciJob].filter(Boolean).join(", ");
}

/** A line for each record, and below it what it is about: the task, the apps before and after, why. */
function* eventLines(events: readonly HistoryEvent[], look: Look): Generator<string> {
  const { palette } = look;
  const [title = "", ...lines] = tableLines(EVENT_COLUMNS, events, look);
  yield title;
  for (const [at, event] of events.entries()) {
    yield lines[at] ?? "";
    const { newTaskId, code, message, reason } = event;
    if (newTaskId !== undefined) yield `     task ${newTaskId}`;
    for (const { before, after, reports } of appsOf(event)) {
      const same = before === after;
      if (!same) yield `     ${palette.bad(`- ${before}`)}`;
      yield `     ${same ? `= ${after}` : palette.good(`+ ${after}`)}  ${palette.dim(reports)}`;
    }
    const why = reason ?? [code, message].filter(Boolean).join(": ");
    if (why !== "") yield `     ${oneLine(why)}`;
  }
}

/** Each pair of apps that a record's reports read before it and after it, and which reports these are. */
function appsOf({ apps }: HistoryEvent): readonly { before: string; after: string; reports: string }[] {
  const pairs = new Map<string, { before: string; after: string; ids: Set<string> }>();
  for (const { reportId, before, newQlikAppId: after } of apps) {
    const was = before === undefined ? "not known" : (before ?? "not mapped");
    const pair = pairs.get(`${was} ${after}`) ?? { before: was, after, ids: new Set() };
    pairs.set(`${was} ${after}`, pair);
    pair.ids.add(reportId);
  }
  return [...pairs.values()].map(({ ids, ...pair }) => ({
    ...pair,
    reports: ids.size === 1 ? `report ${[...ids].join()}` : `${ids.size} reports`,
  }));
}

const EVENT_COLUMNS: readonly TableColumn<HistoryEvent>[] = [
  { title: "seq", text: ({ seq }) => String(seq) },
  { title: "at", text: ({ at }) => at.replace(/\.\d+Z$/, "Z") },
  { title: "run", text: ({ run }) => run.slice(0, 8) },
  { title: "tenant", text: ({ tenant }) => tenant, atMost: 24 },
  { title: "event", text: ({ event }) => event, atMost: 40 },
  { title: "by", text: ({ by }) => whoOf(by), atMost: 40 },
];

const RUN_COLUMNS: readonly TableColumn<HistoryRun>[] = [
  { title: "seq", text: ({ seq }) => String(seq) },
  { title: "at", text: ({ at }) => at.replace(/\.\d+Z$/, "Z") },
  { title: "run", text: ({ run }) => run.slice(0, 8) },
  { title: "command", text: ({ command }) => command },
  { title: "manifest", text: ({ manifest }) => manifest ?? "", atMost: 30 },
  { title: "exit", text: ({ command, exitCode }) => String(exitCode ?? (command === "sync" ? "none" : "")) },
  { title: "created", text: ({ created }) => String(created) },
  { title: "reports updated", text: ({ updated }) => String(updated) },
  { title: "adopted", text: ({ adopted }) => String(adopted) },
  { title: "refused", text: ({ refused }) => String(refused) },
  { title: "in doubt", text: ({ inDoubt }) => String(inDoubt) },
  { title: "not done", text: ({ notDone }) => String(notDone) },
  { title: "by", text: ({ by }) => whoOf(by), atMost: 40 },
  {
    title: "why",
    text: ({ errors, reasons }) => [...reasons, ...errors.map(({ code, message }) => `${code}: ${message}`)].join("; "),
  },
];

/**
 * `log copy`: copies a log to an empty place, and closes the old one with a record that names the new. Both are locked meanwhile. Cut short
 * before the close it may be run again: what is in the new place must then be a beginning of the old log.
 */
export async function logCopyCommand(host: Host, settings: SettingsOf["log copy"]): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  const { lockTimeoutMs } = settings;
  const [from, to] = [await placeOf(host, settings.from, settings), await placeOf(host, settings.to, settings)];
  const { state: bound } = existing(from, await from.read());
  if (isSamePlace(from.path, to.path, host)) {
    const message = `${to.path} is the log that is to be copied.`;
    throw stopError(EXIT.log, "LOG_NOT_EMPTY", message, { file: to.path });
  }
  const server = bound.server() ?? "";
  const run = randomUUID();
  const opening = { server, sourceTasks: [...bound.sourceTasks()], command: "log copy", run, lockTimeoutMs };
  const head = await withOpenLog(host, from, opening, telling, (old) =>
    withOpenLog(host, to, opening, telling, async (copy) => {
      await copy.takeOver(() => copyLines(from, old, copy, to));
      const copied = copy.head();
      const place = isPostgresUrl(to.path) ? to.path : resolve(host.cwd, to.path);
      await old.append([{ type: "moved", to: place, by: whoRuns(host) }]);
      return copied;
    }),
  );
  if (settings.output.format === "human") {
    const next = `From now on: --idempotency-log ${shellWord(to.path)}`;
    await telling.answer(
      `${from.path} was copied to ${to.path}: ${counted(head?.seq ?? 0, "record")}, head ${head?.seq}:${head?.digest}\n${next}\n`,
    );
  } else await answerJson(telling, { version: 1, command: "log copy", from: from.path, to: to.path, log: head });
  return EXIT.ok;
}

/** Whether two places are one: its own lock would be waited for. */
function isSamePlace(one: string, other: string, { cwd, env, platform }: Host): boolean {
  const [a, b] = [isPostgresUrl(one), isPostgresUrl(other)];
  if (a && b) return isSameLog(parsePostgresUrl(one, true, env), parsePostgresUrl(other, true, env));
  return !a && !b && isSameFile(resolve(cwd, one), resolve(cwd, other), platform);
}

/** `log init`: makes the tables of logs in PostgreSQL, or prints what a database administrator runs. */
export async function logInitCommand(host: Host, settings: SettingsOf["log init"]): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  const { INIT_SQL, ROLES } = await import("../log/postgres/tables.js");
  if (settings.printSql) {
    await telling.answer(INIT_SQL);
    return EXIT.ok;
  }
  const url = settings.url ?? host.env.QALYPTUS_IDEMPOTENCY_LOG ?? "";
  if (!isPostgresUrl(url)) throw notAPostgres(url);
  const log = await databaseAt(host, url, settings);
  await log.makeTables();
  await log.close();
  if (settings.output.format === "human")
    await telling.answer(
      `The tables are there. Give a user that runs syncs the role ${ROLES.runner}, one that only looks ${ROLES.auditor}:\n` +
        `  GRANT ${ROLES.runner} TO ci;\n`,
    );
  else
    await answerJson(telling, {
      version: 1,
      command: "log init",
      log: { path: log.path },
      roles: Object.values(ROLES),
    });
  return EXIT.ok;
}

function notAPostgres(url: string): StopError {
  const message = url === "" ? "log init needs the database's address" : "only a log in PostgreSQL needs tables";
  return stopError(EXIT.usage, "LOG_URL", message);
}
