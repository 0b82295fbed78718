import { foldTenantKey } from "../shared/ids.js";
import { tenantMatcher } from "../shared/tenant-pattern.js";
import { type FaultSetting, isDisturbanceSetting, type TraitSetting } from "./fault-setting.js";
import { trait } from "./faults.js";

/** How a create's answer holds the new task's ID. */
export type IdShape = "data" | "data-id" | "id" | "task-id" | "json-string" | "text";

/** What the server does with a name that a task has already. */
export type TakenNames = "allow" | "suffix" | "refuse";

/** Which of a report's two IDs a body must have. */
export type ReportIdKind = "row" | "report";

/** How this server behaves towards every request: made once from its options and traits. */
export interface Behaviour {
  readonly takenNames: TakenNames;
  readonly storedName: (name: string) => string;
  readonly reportIds: ReportIdKind;
  /** What a ReportId that the task lacks leads to. */
  readonly unknownReports: "refuse" | "ignore";
  readonly showMappings: boolean;
  readonly patchesTakeEffect: boolean;
  readonly idShape: IdShape;
  readonly createdStatus: 200 | 201;
  readonly envelope: "v1" | "old";
  readonly readsUnderV2: boolean;
  readonly missingDuplicate: 404 | 405 | undefined;
  readonly hasSingleTask: boolean;
  readonly hasReports: boolean;
  readonly listRefusal: 404 | 403 | undefined;
  readonly paging: "both" | "pages-only" | "whole-only";
  readonly missingFromList: { readonly share: number; readonly changing: boolean } | undefined;
  readonly hidesCopies: boolean;
  readonly forbidden: readonly ((name: string) => boolean)[];
  readonly rateLimit: number | undefined;
  readonly keyExpiry: { readonly after: number; readonly status: 401 | 417 } | undefined;
}

/** The options that shape a server's behaviour beside its faults. */
export interface BehaviourOptions {
  readonly names?: TakenNames | undefined;
  readonly reportIds?: ReportIdKind | undefined;
  readonly showMappings?: boolean | undefined;
}

/** A test of task names: `*` any text, `?` one character, folded as tenant keys are. */
export function nameTest(pattern: string): (name: string) => boolean {
  const fits = tenantMatcher([pattern]);
  return (name) => fits(foldTenantKey(name));
}

/** Makes the behaviour of a server from its options and the traits among its faults. */
export function behaviourOf(options: BehaviourOptions, faults: readonly FaultSetting[]): Behaviour {
  const usual: Behaviour = {
    takenNames: options.names ?? "allow",
    storedName: (name) => name,
    reportIds: options.reportIds ?? "row",
    unknownReports: "refuse",
    showMappings: options.showMappings ?? true,
    patchesTakeEffect: true,
    idShape: "data",
    createdStatus: 200,
    envelope: "v1",
    readsUnderV2: true,
    missingDuplicate: undefined,
    hasSingleTask: true,
    hasReports: true,
    listRefusal: undefined,
    paging: "both",
    missingFromList: undefined,
    hidesCopies: false,
    forbidden: [],
    rateLimit: undefined,
    keyExpiry: undefined,
  };
  let behaviour = usual;
  for (const setting of faults)
    if (!isDisturbanceSetting(setting)) behaviour = { ...behaviour, ...changeOf(behaviour, setting) };
  return behaviour;
}

function changeOf(before: Behaviour, setting: TraitSetting): Partial<Behaviour> {
  const { name, as } = setting;
  const count = setting.count ?? trait(name).usual ?? 0;
  switch (name) {
    case "rate-limit":
      return { rateLimit: count };
    case "expire-key":
      return { keyExpiry: { after: count, status: as === "417" ? 417 : 401 } };
    case "forbid-tenant":
      return { forbidden: [...before.forbidden, nameTest(setting.pattern ?? "")] };
    case "no-list":
      return { listRefusal: as === "403" ? 403 : 404 };
    case "paged-only":
      return { paging: "pages-only" };
    case "get-all-only":
      return { paging: "whole-only" };
    case "incomplete-list":
      return { missingFromList: { share: setting.share ?? trait(name).usual ?? 0, changing: as === "changing" } };
    case "hide-copies":
      return { hidesCopies: true };
    case "no-single-task":
      return { hasSingleTask: false };
    case "no-reports":
      return { hasReports: false };
    case "no-mappings-shown":
      return { showMappings: false };
    case "names-folded":
      return thenStored(before, (text) => text.toUpperCase());
    case "names-cut":
      return thenStored(before, (text) => [...text].slice(0, count).join(""));
    case "names-trimmed":
      return thenStored(before, (text) => text.trim().replace(/\s+/gu, " "));
    case "names-suffixed":
      return thenStored(before, (text) => `${text} (copy)`);
    case "names-unique":
      return { takenNames: as === "suffix" ? "suffix" : "refuse" };
    case "ignore-unknown-reports":
      return { unknownReports: "ignore" };
    case "report-id-strict":
      return { reportIds: "report" };
    case "wrong-id-kind":
      return { reportIds: "report", unknownReports: "ignore" };
    case "no-effect":
      return { patchesTakeEffect: false };
    case "id-shape":
      return { idShape: ID_SHAPES.find((shape) => shape === as) ?? "data" };
    case "created-201":
      return { createdStatus: 201 };
    case "old-envelope":
      return { envelope: "old" };
    case "v1-reads":
      return { readsUnderV2: false };
    case "old-server":
      return { missingDuplicate: as === "405" ? 405 : 404 };
    default:
      return name satisfies never;
  }
}

const ID_SHAPES: readonly IdShape[] = ["data", "data-id", "id", "task-id", "json-string", "text"];

/** Several traits may change a name, one after another. */
function thenStored(before: Behaviour, change: (text: string) => string): Partial<Behaviour> {
  return { storedName: (name) => change(before.storedName(name)) };
}
