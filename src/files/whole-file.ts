import { constants, openSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";

/**
 * Reads a file that a user names to its end. A pipe (`<(vault …)`, mkfifo) may not end for a long time: it is read as the event
 * loop reads, for a thread that waits in the middle of a read keeps the process from ending. Throws what the system says.
 */
export async function readWholeFile(path: string): Promise<Buffer> {
  return (await stat(path)).isFIFO() ? readPipe(path) : readFile(path);
}

async function readPipe(path: string): Promise<Buffer> {
  // Loaded only here: nothing else needs it before there is a server.
  const { Socket } = await import("node:net");
  // Without waiting for whoever is to write.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const chunks: Buffer[] = [];
  for await (const chunk of new Socket({ fd, readable: true, writable: false })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
