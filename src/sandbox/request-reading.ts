import type { IncomingMessage } from "node:http";

/** The largest body that the sandbox reads, in bytes. */
export const LARGEST_BODY = 1024 * 1024;

/** So much more is read and thrown away, so that a client sees its 413 before the connection ends. */
const LARGEST_DISCARD = 16 * LARGEST_BODY;

/** A write's body, or why there is none. `gone`: the client hung up while it was sending. */
export type BodyReading =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "wrong"; readonly status: 400 | 413 | 415; readonly message: string }
  | { readonly kind: "gone" };

/** Reads a JSON body as strictly as the server does. Never rejects. */
export async function readBody(request: IncomingMessage): Promise<BodyReading> {
  const type = (request.headers["content-type"] ?? "").toLowerCase();
  if (!/^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/.test(type))
    return { kind: "wrong", status: 415, message: "the body must be application/json" };
  const bytes = await collect(request);
  if (bytes === "gone") return { kind: "gone" };
  if (bytes === "too-large")
    return { kind: "wrong", status: 413, message: `the body is larger than ${LARGEST_BODY} bytes` };
  return parse(bytes);
}

function collect(request: IncomingMessage): Promise<Buffer | "too-large" | "gone"> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= LARGEST_BODY) chunks.push(chunk);
      else if (size > LARGEST_DISCARD) resolve("too-large");
    });
    request.on("end", () => resolve(size > LARGEST_BODY ? "too-large" : Buffer.concat(chunks)));
    request.on("error", () => resolve("gone"));
    request.on("close", () => resolve("gone"));
  });
}

function parse(bytes: Buffer): BodyReading {
  try {
    return { kind: "json", value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "unreadable";
    return { kind: "wrong", status: 400, message: `the body is no JSON in UTF-8: ${why}` };
  }
}
