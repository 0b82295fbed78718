import type { ServerResponse } from "node:http";
import type { Answer } from "./answer.js";

/** Puts an answer on the wire. An answer to a client that has gone is dropped. */
export function deliver(response: ServerResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const body = Buffer.from(answer.body, "utf8");
  response.writeHead(answer.status, headersOf(answer, body.length));
  response.end(body);
}

/** Promises the whole answer, sends a part of it, and cuts the connection. */
export function deliverShort(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const body = Buffer.from(answer.body, "utf8");
  response.writeHead(answer.status, headersOf(answer, body.length + 1));
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => cut(response));
}

/** Ends the connection without (or in the midst of) an answer. */
export function cut(response: ServerResponse): void {
  (response.socket ?? response).destroy();
}

function headersOf(answer: Answer, length: number): Record<string, string | number> {
  return {
    "content-type": answer.contentType,
    "content-length": length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...answer.headers,
  };
}
