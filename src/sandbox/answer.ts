import type { Behaviour } from "./faults.js";

/** An answer before it is put on the wire. `short`: it ends, with the connection, before its Content-Length does. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly short?: boolean;
}

/** An answer with a JSON body as it stands, without the envelope. */
export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, contentType: "application/json; charset=utf-8", body: JSON.stringify(value) };
}

export function htmlAnswer(status: number, body: string, headers?: Answer["headers"]): Answer {
  return { status, contentType: "text/html; charset=utf-8", body, headers };
}

/** Success in the server's envelope. */
export function success({ envelope }: Behaviour, data: unknown, status = 200): Answer {
  return envelope === "old"
    ? jsonAnswer(status, { data, status: { message: "OK" } })
    : jsonAnswer(status, { data, isSuccess: true, error: null, errorDetails: null });
}

/** A refusal in the server's envelope. */
export function failure(
  { envelope }: Pick<Behaviour, "envelope">,
  status: number,
  message: string,
  headers?: Answer["headers"],
): Answer {
  const body =
    envelope === "old"
      ? { data: null, status: { message } }
      : { data: null, isSuccess: false, error: message, errorDetails: null };
  return { ...jsonAnswer(status, body), headers };
}

/** 429, with a `Retry-After` where one is given. */
export function tooMany(behaviour: Behaviour, retryAfter: string | undefined): Answer {
  return failure(behaviour, 429, "too many requests", retryAfter === undefined ? {} : { "retry-after": retryAfter });
}

/** A create's success: the new task's ID in the shape that this server uses. */
export function created(behaviour: Behaviour, id: string): Answer {
  const status = behaviour.createdStatus;
  switch (behaviour.idShape) {
    case "data":
      return success(behaviour, id, status);
    case "data-id":
      return success(behaviour, { id }, status);
    case "id":
      return jsonAnswer(status, { id });
    case "task-id":
      return jsonAnswer(status, { taskId: id });
    case "json-string":
      return jsonAnswer(status, id);
    case "text":
      return { status, contentType: "text/plain; charset=utf-8", body: id };
  }
}

const PAGES = {
  200: ["Sign in", '<form><label>User <input name="user"></label> <button>Sign in</button></form>'],
  500: ["500 - Internal server error", "<p>There is a problem with the resource that you are looking for.</p>"],
  502: ["502 Bad Gateway", "<hr><p>reverse proxy</p>"],
  503: ["503 Service Unavailable", "<p>The service is unavailable.</p>"],
} as const;

/** A web page where an API's answer should be: from a proxy, or a login. */
export function webPage(status: keyof typeof PAGES): Answer {
  const [title, text] = PAGES[status];
  const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1>${text}</body></html>`;
  return htmlAnswer(status, `<!DOCTYPE html>\n${body}\n`);
}
