import type { Behaviour } from "./faults.js";

/** One request to the API, understood. */
export type ApiCall =
  | { readonly kind: "list"; readonly version: "v1" | "v2"; readonly query: URLSearchParams }
  | { readonly kind: "task" | "reports" | "recipients" | "triggers" | "duplicate"; readonly taskId: string }
  | { readonly kind: "report" | "patch"; readonly taskId: string; readonly rowId: string };

export type CallKind = ApiCall["kind"];

/** Where a request leads. `page` and `run` are the sandbox's own: no key, and no fault befalls them. `allow`: the wrong method. */
export type Route =
  | { readonly kind: "api"; readonly call: ApiCall }
  | { readonly kind: "page"; readonly query: URLSearchParams }
  | { readonly kind: "run"; readonly taskId: string }
  | { readonly kind: "stray"; readonly api: boolean; readonly allow?: string };

const NOWHERE: Route = { kind: "stray", api: true };

/** Finds where a method and a path lead. IDs are taken as they stand, in lower case: what no task has is found by nobody. */
export function routeOf(method: string, url: URL, behaviour: Behaviour): Route {
  const only = (allow: string, route: Route): Route =>
    method === allow ? route : { kind: "stray", api: route.kind === "api", allow };
  if (url.pathname === "/") return only("GET", { kind: "page", query: url.searchParams });
  const run = /^\/sandbox\/tasks\/([^/]*)\/run$/.exec(url.pathname);
  if (run !== null) return only("POST", { kind: "run", taskId: run[1]?.toLowerCase() ?? "" });
  const [, version, path] = /^\/api\/(v[12])\/tasks(?:\/(.*))?$/.exec(url.pathname) ?? [];
  if (version !== "v1" && version !== "v2") return { kind: "stray", api: /^\/api(\/|$)/.test(url.pathname) };
  const reads = version === "v1" || behaviour.readsUnderV2;
  const read = (call: ApiCall): Route => (reads ? only("GET", { kind: "api", call }) : NOWHERE);
  if (path === undefined) return read({ kind: "list", version, query: url.searchParams });
  const [taskId = "", part, rowId, ...more] = path.toLowerCase().split("/");
  if (more.length > 0) return NOWHERE;
  if (part === undefined) return behaviour.hasSingleTask ? read({ kind: "task", taskId }) : NOWHERE;
  if (part === "duplicate" && version === "v2" && rowId === undefined) {
    if (behaviour.missingDuplicate === 404) return NOWHERE;
    if (behaviour.missingDuplicate === 405) return { kind: "stray", api: true, allow: "GET" };
    return only("POST", { kind: "api", call: { kind: "duplicate", taskId } });
  }
  if (part === "reports" && !behaviour.hasReports && method === "GET") return NOWHERE;
  if (rowId === undefined)
    return part === "reports" || part === "recipients" || part === "triggers" ? read({ kind: part, taskId }) : NOWHERE;
  if (part !== "reports") return NOWHERE;
  if (version === "v2" && method === "PATCH") return { kind: "api", call: { kind: "patch", taskId, rowId } };
  if (version === "v2" && method !== "GET") return { kind: "stray", api: true, allow: "GET, PATCH" };
  return read({ kind: "report", taskId, rowId });
}
