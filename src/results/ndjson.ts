import type { RunEvent } from "../shared/events.js";
import type { RunResult, TenantResult } from "../shared/outcome.js";
import { summaryLine, tenantLine } from "./json.js";

/** Where whole lines go; a stream in the program, a list in tests. */
export interface TextSink {
  write(text: string): unknown;
}

/** `--format ndjson`: takes a run's events as they come, then the result. */
export interface NdjsonWriter {
  emit(event: RunEvent): void;
  finish(result: RunResult): void;
}

/**
 * Writes one line for each tenant as it is settled (a tenant in doubt only at the end, for it may be settled yet), at the end
 * the tenants that were not told, then the summary. A tenant whose end differs from what was told (a twin found by the last
 * list) is told once more: the last line of a tenant counts.
 */
export function createNdjsonWriter(sink: TextSink): NdjsonWriter {
  const told = new Map<string, TenantResult>();
  return {
    emit(event) {
      if (event.kind !== "tenant" || event.result.outcome === "in-doubt" || event.result.outcome === "planned") return;
      if (told.has(identityOf(event.result)) && !isNews(told.get(identityOf(event.result)), event.result)) return;
      told.set(identityOf(event.result), event.result);
      sink.write(tenantLine(event.result));
    },
    finish(result) {
      for (const tenant of result.tenants)
        if (isNews(told.get(identityOf(tenant)), tenant)) sink.write(tenantLine(tenant));
      told.clear();
      sink.write(summaryLine(result));
    },
  };
}

function identityOf(tenant: TenantResult): string {
  return JSON.stringify([tenant.sourceTaskId, tenant.tenant, tenant.line]);
}

function isNews(told: TenantResult | undefined, now: TenantResult): boolean {
  return (
    told === undefined ||
    told.outcome !== now.outcome ||
    told.action !== now.action ||
    told.newTaskId !== now.newTaskId ||
    told.error?.code !== now.error?.code ||
    (told.verified && !now.verified)
  );
}
