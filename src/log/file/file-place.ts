import { accessSync, constants, createReadStream, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { openFile } from "../../files/open-file.js";
import { realPathOf } from "../../files/paths.js";
import { systemClock } from "../../shared/time.js";
import type { OpenLog } from "../open-log.js";
import type { LogPlace, Opening, ReadLog, RecordVisitor, SeenLock } from "../port.js";
import { onDisk } from "./disk.js";
import { inspectLock } from "./lock.js";
import { openLogForRun } from "./log-file.js";
import type { ProcessFacts } from "./process-identity.js";
import { READING, readLog } from "./read-log.js";

/** A log in a file. */
export class FilePlace implements LogPlace {
  /** As the user gave it. */
  readonly path: string;
  readonly #ownProcess: ProcessFacts;

  constructor(path: string, ownProcess: ProcessFacts) {
    this.path = path;
    this.#ownProcess = ownProcess;
  }

  async size(): Promise<number | undefined> {
    return onDisk(this.path, READING, () => statSync(this.path, { throwIfNoEntry: false })?.size);
  }

  async read(visit?: RecordVisitor): Promise<ReadLog> {
    return readLog(this.path, visit);
  }

  open(opening: Opening): Promise<OpenLog> {
    return openLogForRun({ ...opening, path: this.path, ownProcess: this.#ownProcess });
  }

  text(): AsyncIterable<Uint8Array> {
    return createReadStream(this.path, { fd: openFile(this.path, constants.O_RDONLY) });
  }

  async lock(): Promise<SeenLock | undefined> {
    return onDisk(`${this.path}.lock`, "look at the lock", () =>
      inspectLock(realPathOf(this.path), { ownProcess: this.#ownProcess, clock: systemClock }),
    );
  }

  async checkMayWrite(): Promise<string> {
    onDisk(this.path, "write to the idempotency log", () => {
      accessSync(dirname(realPathOf(this.path)), constants.W_OK);
      if (existsSync(this.path)) accessSync(this.path, constants.W_OK);
    });
    return this.path;
  }
}
