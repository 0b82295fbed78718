import type { Behaviour } from "./behaviour.js";

/** An answer before it is put on the wire. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const JSON_TYPE = "application/json; charset=utf-8";
const HTML_TYPE = "text/html; charset=utf-8";

/** An answer with a JSON body as it stands, without the envelope. */
export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, contentType: JSON_TYPE, body: JSON.stringify(value) };
}

function textAnswer(status: number, body: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

export function htmlAnswer(status: number, body: string): Answer {
  return { status, contentType: HTML_TYPE, body };
}

/** Success in the server's envelope. */
export function success(behaviour: Behaviour, data: unknown, status = 200): Answer {
  return behaviour.envelope === "old"
    ? jsonAnswer(status, { data, status: { message: "OK" } })
    : jsonAnswer(status, { data, isSuccess: true, error: null, errorDetails: null });
}

/** A refusal in the server's envelope. */
export function failure(
  behaviour: Behaviour,
  of: { readonly status: number; readonly message: string; readonly headers?: Readonly<Record<string, string>> },
): Answer {
  const answer =
    behaviour.envelope === "old"
      ? jsonAnswer(of.status, { data: null, status: { message: of.message } })
      : jsonAnswer(of.status, { data: null, isSuccess: false, error: of.message, errorDetails: null });
  return { ...answer, headers: of.headers };
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
      return textAnswer(status, id);
    default:
      return behaviour.idShape satisfies never;
  }
}

const PAGES: Readonly<Record<200 | 500 | 502 | 503, readonly [string, string]>> = {
  200: ["Sign in", '<form><label>User <input name="user"></label> <button>Sign in</button></form>'],
  500: ["500 - Internal server error", "<p>There is a problem with the resource that you are looking for.</p>"],
  502: ["502 Bad Gateway", "<hr><p>reverse proxy</p>"],
  503: ["503 Service Unavailable", "<p>The service is unavailable.</p>"],
};

/** A web page where an API's answer should be: from a proxy, or a login. */
export function webPage(status: 200 | 500 | 502 | 503): Answer {
  const [title, text] = PAGES[status];
  return htmlAnswer(
    status,
    `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1>${text}</body></html>\n`,
  );
}
