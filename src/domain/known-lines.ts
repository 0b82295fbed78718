import { LineCursor, literal, repeated } from "./line-cursor.js";
import type { LogRecord } from "./log-record.js";

/** How the records of which a log mostly is made are written, piece by piece. */
const SEQ = literal('{"v":1,"seq":');
const AT = literal(',"at":"');
const RUN = literal('","run":"');
const SYNCED = literal(',"synced":');

const CREATE_INTENT = literal('","type":"create-intent","write":"');
const SOURCE_TASK = literal('","sourceTaskId":"');
const KEY = literal('","key":"');
const TENANT = literal('","tenant":"');
const MANIFEST = literal('","manifest":"');
const NAME = literal('","name":"');
const MAPPINGS = literal('","mappings":[');
const REPORT = literal('{"reportId":"');
const APP = literal('","qlikAppId":"');
const NEW_APP = literal('","newQlikAppId":"');
const OBJECT_END = literal('"}');
const REPORTS = literal(',"reports":[');
const ROW = literal('{"rowId":"');
const REPORT_OF_ROW = literal('","reportId":"');
const BY_ROW = literal(',"reportIdMode":"row","named":[');
const BY_REPORT = literal(',"reportIdMode":"report","named":[');
const QUOTE = literal('"');
const IDEMPOTENCY_KEY = literal(',"idempotencyKey":"');
const BEFORE = literal('","before":');
const NO_LIST = literal("null");
const LIST = literal("[");
const ATTEMPT = literal(',"attempt":');

const CREATE_OUTCOME = literal('","type":"create-outcome","write":"');
const SUCCEEDED = literal('","outcome":"succeeded","newTaskId":"');

const PATCH_INTENT = literal('","type":"patch-intent","write":"');
const NEW_TASK = literal('","newTaskId":"');
const ROW_OF_PATCH = literal('","rowId":"');
const APPS = literal('","apps":[');
const FIRST_APP = literal('{"qlikAppId":"');
const NAMED = literal(',"named":true');
const NOT_NAMED = literal(',"named":false');

const PATCH_OUTCOME = literal('","type":"patch-outcome","write":"');
const PATCHED = literal('","outcome":"succeeded"');
const TO_READ = literal(',"toRead":true');

const OBSERVED = literal('","type":"observed","sourceTaskId":"');
const OBSERVED_REPORTS = literal('","reports":[');
const NO_APPS = literal('","apps":null}');
const APPS_END = literal("}");
const HAS = literal(',"has":[');
const VERIFIED = literal(',"verified":true');
const NOT_VERIFIED = literal(',"verified":false');

interface Envelope {
  readonly seq: number;
  readonly at: string;
  readonly run: string;
  readonly digest: string;
}

/**
 * Reads the lines of which a log mostly is made (what was asked for, that it succeeded, what was seen) where they stand as this
 * program writes them: what comes of it is what JSON.parse and the schema's checks make of the line, for a third of their time and
 * memory. Any other line is left to those, so that nothing hangs on this but time.
 */
export class KnownLines {
  readonly #cursor = new LineCursor();
  readonly #at = repeated();
  readonly #run = repeated();
  readonly #sourceTask = repeated();
  readonly #manifest = repeated();
  readonly #report = repeated();
  readonly #app = repeated();
  readonly #newApp = repeated();
  readonly #row = repeated();
  readonly #rowReport = repeated();

  /** The record on the line from `start`, whose digest was checked and stands from `end`; `undefined` where it is not known. */
  read(
    bytes: Buffer,
    line: { readonly start: number; readonly end: number; readonly digest: string },
  ): LogRecord | undefined {
    const cursor = this.#cursor;
    cursor.begin(bytes, line.start, line.end);
    cursor.skip(SEQ);
    const seq = cursor.count();
    cursor.skip(AT);
    const at = cursor.again(this.#at);
    cursor.skip(RUN);
    const envelope = { seq, at, run: cursor.again(this.#run), digest: line.digest };
    const record = this.#readKind(envelope);
    return cursor.isDone() ? (record as LogRecord) : undefined;
  }

  #readKind(envelope: Envelope): object | undefined {
    const cursor = this.#cursor;
    if (cursor.takes(CREATE_OUTCOME)) return this.#createOutcome(envelope);
    if (cursor.takes(CREATE_INTENT)) return this.#createIntent(envelope);
    if (cursor.takes(PATCH_OUTCOME)) return this.#patchOutcome(envelope);
    if (cursor.takes(PATCH_INTENT)) return this.#patchIntent(envelope);
    return cursor.takes(OBSERVED) ? this.#observed(envelope) : undefined;
  }

  #createIntent({ seq, at, run, digest }: Envelope): object {
    const cursor = this.#cursor;
    const write = cursor.word();
    cursor.skip(SOURCE_TASK);
    const sourceTaskId = cursor.guidAgain(this.#sourceTask);
    cursor.skip(KEY);
    const key = cursor.word();
    cursor.skip(TENANT);
    const tenant = cursor.text();
    cursor.skip(MANIFEST);
    const manifest = cursor.again(this.#manifest);
    cursor.skip(NAME);
    const name = cursor.text();
    cursor.skip(MAPPINGS);
    const mappings = cursor.list(this.#readMapping);
    cursor.skip(REPORTS);
    const reports = cursor.list(this.#readRow);
    const byRow = cursor.takes(BY_ROW);
    if (!byRow) cursor.skip(BY_REPORT);
    const named = cursor.list(this.#readId);
    cursor.skip(IDEMPOTENCY_KEY);
    const idempotencyKey = cursor.text();
    cursor.skip(BEFORE);
    const before = cursor.takes(NO_LIST) ? null : this.#readIds();
    cursor.skip(ATTEMPT);
    const attempt = cursor.count();
    const synced = this.#readSynced();
    return {
      v: 1,
      seq,
      at,
      run,
      type: "create-intent",
      write,
      sourceTaskId,
      key,
      tenant,
      manifest,
      name,
      mappings,
      reports,
      reportIdMode: byRow ? "row" : "report",
      named,
      idempotencyKey,
      before,
      attempt,
      synced,
      digest,
    };
  }

  #createOutcome({ seq, at, run, digest }: Envelope): object {
    const cursor = this.#cursor;
    const write = cursor.word();
    cursor.skip(SUCCEEDED);
    const newTaskId = cursor.guid();
    cursor.skip(QUOTE);
    const synced = this.#readSynced();
    return { v: 1, seq, at, run, type: "create-outcome", write, outcome: "succeeded", newTaskId, synced, digest };
  }

  #patchIntent({ seq, at, run, digest }: Envelope): object {
    const cursor = this.#cursor;
    const write = cursor.word();
    cursor.skip(SOURCE_TASK);
    const sourceTaskId = cursor.guidAgain(this.#sourceTask);
    cursor.skip(KEY);
    const key = cursor.word();
    cursor.skip(MANIFEST);
    const manifest = cursor.again(this.#manifest);
    cursor.skip(NEW_TASK);
    const newTaskId = cursor.guid();
    cursor.skip(REPORT_OF_ROW);
    const reportId = cursor.guidAgain(this.#report);
    cursor.skip(ROW_OF_PATCH);
    const rowId = cursor.text();
    cursor.skip(APPS);
    const apps = cursor.list(this.#readSwap);
    const named = this.#readFlag(NAMED, NOT_NAMED);
    cursor.skip(IDEMPOTENCY_KEY);
    const idempotencyKey = cursor.text();
    cursor.skip(QUOTE);
    const synced = this.#readSynced();
    return {
      v: 1,
      seq,
      at,
      run,
      type: "patch-intent",
      write,
      sourceTaskId,
      key,
      manifest,
      newTaskId,
      reportId,
      rowId,
      apps,
      named,
      idempotencyKey,
      synced,
      digest,
    };
  }

  #patchOutcome({ seq, at, run, digest }: Envelope): object {
    const write = this.#cursor.word();
    this.#cursor.skip(PATCHED);
    const isToRead = this.#cursor.takes(TO_READ);
    const synced = this.#readSynced();
    const known = { v: 1, seq, at, run, type: "patch-outcome", write, outcome: "succeeded" };
    return isToRead ? { ...known, toRead: true, synced, digest } : { ...known, synced, digest };
  }

  #observed({ seq, at, run, digest }: Envelope): object {
    const cursor = this.#cursor;
    const sourceTaskId = cursor.guidAgain(this.#sourceTask);
    cursor.skip(KEY);
    const key = cursor.word();
    cursor.skip(NEW_TASK);
    const newTaskId = cursor.guid();
    cursor.skip(OBSERVED_REPORTS);
    const reports = cursor.list(this.#readObserved);
    cursor.skip(HAS);
    const has = cursor.list(this.#readId);
    const verified = this.#readFlag(VERIFIED, NOT_VERIFIED);
    const synced = this.#readSynced();
    return {
      v: 1,
      seq,
      at,
      run,
      type: "observed",
      sourceTaskId,
      key,
      newTaskId,
      reports,
      has,
      verified,
      synced,
      digest,
    };
  }

  #readSynced(): number {
    this.#cursor.skip(SYNCED);
    return this.#cursor.count();
  }

  #readFlag(yes: Uint8Array, no: Uint8Array): boolean {
    if (this.#cursor.takes(yes)) return true;
    this.#cursor.skip(no);
    return false;
  }

  readonly #readSwap = (): unknown => {
    const cursor = this.#cursor;
    cursor.skip(FIRST_APP);
    const qlikAppId = cursor.guidAgain(this.#app);
    cursor.skip(NEW_APP);
    const newQlikAppId = cursor.guidAgain(this.#newApp);
    cursor.skip(OBJECT_END);
    return { qlikAppId, newQlikAppId };
  };

  readonly #readObserved = (): unknown => {
    const cursor = this.#cursor;
    cursor.skip(REPORT);
    const reportId = cursor.guidAgain(this.#report);
    if (cursor.takes(NO_APPS)) return { reportId, apps: null };
    cursor.skip(APPS);
    const apps = cursor.list(this.#readSwap);
    cursor.skip(APPS_END);
    return { reportId, apps };
  };

  readonly #readMapping = (): unknown => {
    const cursor = this.#cursor;
    cursor.skip(REPORT);
    const reportId = cursor.guidAgain(this.#report);
    cursor.skip(APP);
    const qlikAppId = cursor.guidAgain(this.#app);
    cursor.skip(NEW_APP);
    const newQlikAppId = cursor.guidAgain(this.#newApp);
    cursor.skip(OBJECT_END);
    return { reportId, qlikAppId, newQlikAppId };
  };

  readonly #readRow = (): unknown => {
    const cursor = this.#cursor;
    cursor.skip(ROW);
    const rowId = cursor.guidAgain(this.#row);
    cursor.skip(REPORT_OF_ROW);
    const reportId = cursor.guidAgain(this.#rowReport);
    cursor.skip(OBJECT_END);
    return { rowId, reportId };
  };

  readonly #readId = (): string => {
    this.#cursor.skip(QUOTE);
    const id = this.#cursor.guid();
    this.#cursor.skip(QUOTE);
    return id;
  };

  #readIds(): readonly string[] {
    this.#cursor.skip(LIST);
    return this.#cursor.list(this.#readId);
  }
}
