import { open, readFile, rename, rm } from "node:fs/promises";
import * as z from "zod";
import { EXIT, StopError } from "../shared/problems.js";

const FORMAT = "qalyptus-propagate sandbox state";

const guid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

const storedReport = z.strictObject({
  rowId: guid,
  reportId: guid,
  mappings: z.array(z.strictObject({ qlikAppId: guid, newQlikAppId: guid })),
});

const storedTask = z.strictObject({
  id: guid,
  name: z.string(),
  /** The task that it was duplicated from; `null`: a source task of the world. */
  copyOf: guid.nullable(),
  /** The world's task that it descends from: says what it and its reports contain. */
  origin: guid,
  createdAt: z.string(),
  reports: z.array(storedReport),
});

const stateDocument = z.strictObject({ format: z.literal(FORMAT), version: z.literal(1), tasks: z.array(storedTask) });

/** One task as the sandbox keeps it, in memory and in its state file. */
export type StoredTask = z.output<typeof storedTask>;

/**
 * The tasks of a state file; `undefined` where there is none yet. Throws a StopError (exit 2) where the file is not one that
 * a sandbox wrote: it is never repaired or overwritten.
 */
export async function readStateFile(path: string): Promise<readonly StoredTask[] | undefined> {
  const text = await readExisting(path);
  if (text === undefined) return undefined;
  const parsed = stateDocument.safeParse(parseJson(text, path));
  if (!parsed.success) throw notOurs(path, parsed.error);
  return parsed.data.tasks;
}

/** Replaces a state file in one step: after a crash the old one is there or the new one. Rejects with the file system's error. */
export async function writeStateFile(path: string, tasks: readonly StoredTask[]): Promise<void> {
  const document: z.input<typeof stateDocument> = { format: FORMAT, version: 1, tasks: [...tasks] };
  const beside = `${path}.writing`;
  try {
    const file = await open(beside, "w");
    try {
      await file.writeFile(`${JSON.stringify(document)}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    throw cause;
  }
}

/** What a person is told of a state file that does not fit. */
export function notOurs(path: string, cause?: unknown): StopError {
  return new StopError(
    EXIT.usage,
    {
      code: "STATE_NOT_OURS",
      message: `${path} is not the state of a sandbox with these source tasks; it was left as it is`,
      hint: "Give --state another file, or remove this one where you know what it is",
      file: path,
    },
    { cause },
  );
}

async function readExisting(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new StopError(
      EXIT.usage,
      {
        code: "STATE_UNREADABLE",
        message: `${path} cannot be read${cause instanceof Error ? `: ${cause.message}` : ""}`,
        hint: "Give --state a file that this user may read and write",
        file: path,
      },
      { cause },
    );
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notOurs(path, cause);
  }
}
