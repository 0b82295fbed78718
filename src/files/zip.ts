/**
 * ZIP archives by Node's zlib, whose `maxOutputLength` bounds what an entry becomes while it is inflated, and whose CRC tells damage.
 * The central directory alone says what an archive holds.
 */

import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";

/** Why an archive is not read, as it follows its name in a sentence. */
export class ZipFault extends Error {}

/** A ZIP archive's entries by name, in lower case and without a slash before it. */
export type ZipEntries = ReadonlyMap<string, ZipEntry>;

export interface ZipEntry {
  readonly name: string;
  readonly isEncrypted: boolean;
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  /** Where its local header stands. */
  readonly at: number;
}

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50];
const [LOCAL_SIZE, CENTRAL_SIZE, END_SIZE] = [30, 46, 22];
const LONGEST_COMMENT = 0xffff;
const DEFLATED = 8;

export function zipEntries(bytes: Buffer): ZipEntries {
  const damaged = new ZipFault("is damaged: its list of parts cannot be read");
  let end = bytes.length - END_SIZE;
  const first = Math.max(0, end - LONGEST_COMMENT);
  while (end >= first && bytes.readUInt32LE(end) !== END) end -= 1;
  if (end < first) throw damaged;
  const count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  const entries = new Map<string, ZipEntry>();
  for (let left = count; left > 0; left -= 1) {
    if (at + CENTRAL_SIZE > end || bytes.readUInt32LE(at) !== CENTRAL) throw damaged;
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field)) as [
      ...[number, number, number],
    ];
    const name = bytes.toString("utf8", at + CENTRAL_SIZE, at + CENTRAL_SIZE + nameSize);
    const key = name.replaceAll("\\", "/").replace(/^\/+/, "").toLowerCase();
    if (entries.has(key)) throw new ZipFault("is damaged: it has a part twice");
    entries.set(key, {
      name,
      isEncrypted: (bytes.readUInt16LE(at + 8) & 1) === 1,
      method: bytes.readUInt16LE(at + 10),
      crc: bytes.readUInt32LE(at + 16),
      packedSize: bytes.readUInt32LE(at + 20),
      size: bytes.readUInt32LE(at + 24),
      at: bytes.readUInt32LE(at + 42),
    });
    at += CENTRAL_SIZE + nameSize + extraSize + commentSize;
  }
  return entries;
}

/** An entry's content, of at most so many bytes. */
export function unzip(bytes: Buffer, { name, method, isEncrypted, ...entry }: ZipEntry, most: number): Buffer {
  const damaged = new ZipFault(`is damaged: its part ${JSON.stringify(name.slice(0, 80))} cannot be read`);
  if (isEncrypted) throw new ZipFault("is encrypted");
  if (entry.at + LOCAL_SIZE > bytes.length || bytes.readUInt32LE(entry.at) !== LOCAL) throw damaged;
  const start = entry.at + LOCAL_SIZE + bytes.readUInt16LE(entry.at + 26) + bytes.readUInt16LE(entry.at + 28);
  const packed = bytes.subarray(start, start + entry.packedSize);
  if (packed.length !== entry.packedSize || (method !== 0 && method !== DEFLATED)) throw damaged;
  const content = method === 0 ? packed : inflate(packed, most, damaged);
  if (content.length > most) throw tooLarge();
  if (content.length !== entry.size || crc32(content) !== entry.crc) throw damaged;
  return content;
}

function inflate(packed: Buffer, most: number, damaged: ZipFault): Buffer {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(most, 1) });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge() : damaged;
  }
}

function tooLarge(): ZipFault {
  return new ZipFault("holds more than is read when it is unpacked");
}

/** An archive of these contents by name. */
export function zipOf(parts: Readonly<Record<string, string | Buffer>>): Buffer {
  const [files, list]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [name, content] of Object.entries(parts)) {
    const [title, whole] = [Buffer.from(name), Buffer.from(content)];
    const data = deflateRawSync(whole);
    // What the local header and the list both say: version, flags (UTF-8), method, time and date, CRC, sizes, length of the name.
    const both = Buffer.alloc(26);
    both.writeUInt16LE(20, 0);
    both.writeUInt16LE(0x0800, 2);
    both.writeUInt16LE(DEFLATED, 4);
    both.writeUInt16LE(0x21, 8);
    both.writeUInt32LE(crc32(whole), 10);
    both.writeUInt32LE(data.length, 14);
    both.writeUInt32LE(whole.length, 18);
    both.writeUInt16LE(title.length, 22);
    files.push(uint32(LOCAL), both, title, data);
    list.push(uint32(CENTRAL), Buffer.from([20, 0]), both, Buffer.alloc(10), uint32(at), title);
    at += LOCAL_SIZE + title.length + data.length;
  }
  const size = list.reduce((sum, { length }) => sum + length, 0);
  const count = Buffer.alloc(8);
  for (const field of [4, 6]) count.writeUInt16LE(files.length / 4, field);
  return Buffer.concat([...files, ...list, uint32(END), count, uint32(size), uint32(at), Buffer.alloc(2)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
