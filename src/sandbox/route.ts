import type { Behaviour } from "./behaviour.js";

/** One request to the API, understood. */
export type ApiCall =
  | { readonly kind: "list"; readonly version: "v1" | "v2"; readonly query: URLSearchParams }
  | { readonly kind: "task" | "reports" | "recipients" | "triggers"; readonly taskId: string }
  | { readonly kind: "report"; readonly taskId: string; readonly rowId: string }
  | { readonly kind: "duplicate"; readonly taskId: string }
  | { readonly kind: "patch"; readonly taskId: string; readonly rowId: string };

export type CallKind = ApiCall["kind"];

/** Where a request leads. `page` and `run` are the sandbox's own: no key, and no fault befalls them. */
export type Route =
  | { readonly kind: "api"; readonly call: ApiCall }
  | { readonly kind: "page"; readonly query: URLSearchParams }
  | { readonly kind: "run"; readonly taskId: string }
  | { readonly kind: "wrong-method"; readonly allow: string; readonly api: boolean }
  | { readonly kind: "nowhere"; readonly api: boolean };

const TASK_PARTS = ["reports", "recipients", "triggers"] as const;

/** Finds where a method and a path lead. IDs are taken as they stand, in lower case: what no task has is found by nobody. */
export function routeOf(method: string, url: URL, behaviour: Behaviour): Route {
  const steps = url.pathname.split("/").slice(1);
  if (url.pathname === "/") return onlyBy("GET", method, { kind: "page", query: url.searchParams });
  const [first = "", second = "", third = "", ...more] = steps;
  if (first === "sandbox" && second === "tasks" && more.length === 1 && more[0] === "run")
    return onlyBy("POST", method, { kind: "run", taskId: third.toLowerCase() });
  if (first !== "api" || third !== "tasks" || (second !== "v1" && second !== "v2")) return nowhere(first === "api");
  return apiRoute({ method, version: second, rest: more.map((step) => step.toLowerCase()), url }, behaviour);
}

interface ApiPath {
  readonly method: string;
  readonly version: "v1" | "v2";
  /** What stands behind `tasks`. */
  readonly rest: readonly string[];
  readonly url: URL;
}

function apiRoute(path: ApiPath, behaviour: Behaviour): Route {
  const { method, version, rest, url } = path;
  const [taskId = "", part, rowId] = rest;
  const reads = version === "v1" || behaviour.readsUnderV2;
  const read = (call: ApiCall): Route => (reads ? onlyBy("GET", method, { kind: "api", call }) : nowhere(true));
  if (rest.length === 0) return read({ kind: "list", version, query: url.searchParams });
  if (rest.length === 1) return behaviour.hasSingleTask ? read({ kind: "task", taskId }) : nowhere(true);
  if (rest.length === 2 && part === "duplicate" && version === "v2") return duplicateRoute(path, behaviour);
  if (part === "reports" && !behaviour.hasReports && method === "GET") return nowhere(true);
  const named = TASK_PARTS.find((candidate) => candidate === part);
  if (rest.length === 2 && named !== undefined) return read({ kind: named, taskId });
  if (rest.length === 3 && part === "reports" && rowId !== undefined) {
    if (version === "v2" && method === "PATCH") return { kind: "api", call: { kind: "patch", taskId, rowId } };
    if (method !== "GET" && version === "v2") return { kind: "wrong-method", allow: "GET, PATCH", api: true };
    return read({ kind: "report", taskId, rowId });
  }
  return nowhere(true);
}

function duplicateRoute(path: ApiPath, behaviour: Behaviour): Route {
  if (behaviour.missingDuplicate === 404) return nowhere(true);
  if (behaviour.missingDuplicate === 405) return { kind: "wrong-method", allow: "GET", api: true };
  return onlyBy("POST", path.method, { kind: "api", call: { kind: "duplicate", taskId: path.rest[0] ?? "" } });
}

function onlyBy(allowed: string, method: string, route: Route): Route {
  return method === allowed ? route : { kind: "wrong-method", allow: allowed, api: route.kind === "api" };
}

function nowhere(api: boolean): Route {
  return { kind: "nowhere", api };
}
