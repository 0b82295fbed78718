import type { ReportId } from "./ids.js";
import type { CreateIntentRecord } from "./log-record.js";
import type { AppSwap } from "./mapping.js";

/** Beyond so many distinct texts nothing is gained by holding more of them. */
const MOST_INTERNED = 10_000;

/** Values that nearly every tenant of a log shares, held once: a report's IDs, the master app, the set of a copy's reports. */
export class Interned {
  readonly #reports = new Map<string, ReadonlySet<ReportId>>();
  readonly #texts = new Map<string, string>();

  reports(rows: CreateIntentRecord["reports"]): ReadonlySet<ReportId> {
    const text = rows.map((row) => row.reportId).join();
    const known = this.#reports.get(text);
    if (known !== undefined) return known;
    const reports = new Set(rows.map((row) => row.reportId));
    this.#reports.set(text, reports);
    return reports;
  }

  mappings(mappings: CreateIntentRecord["mappings"]): CreateIntentRecord["mappings"] {
    let last: AppSwap["newQlikAppId"] | undefined;
    return mappings.map(({ reportId, qlikAppId, newQlikAppId }) => {
      last = last === newQlikAppId ? last : newQlikAppId;
      return { reportId: this.#text(reportId), qlikAppId: this.#text(qlikAppId), newQlikAppId: last };
    });
  }

  #text<T extends string>(text: T): T {
    const known = this.#texts.get(text) as T | undefined;
    if (known !== undefined) return known;
    if (this.#texts.size < MOST_INTERNED) this.#texts.set(text, text);
    return text;
  }
}
