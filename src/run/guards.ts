import type { Plan } from "../plan/make-plan.js";
import { type AppId, groupBy } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { MailSettings } from "../shared/tasks.js";
import { counted } from "../shared/text-safety.js";
import { isWork } from "./apply-plan.js";
import type { SyncOptions } from "./run.js";

/** Judges a finished plan: each refusal is exit 7, before any write. A dry run prints its plan first. */
export function judgePlan({ items, context }: Plan, { shape, run }: SyncOptions) {
  const refusals: Problem[] = [];
  const warnings: Problem[] = [];
  // A doubt may end in a create.
  const copied = items.filter(({ action: { kind } }) => kind === "create" || kind === "settle");
  const copiesOf = groupBy(copied, ({ sourceTaskId = "" }) => sourceTaskId);
  for (const { task } of context.sources?.values() ?? []) {
    const copies = copiesOf.get(task.id);
    if (copies === undefined) continue;
    const label = `the source task ${task.name === undefined ? task.id : `"${task.name}" (${task.id})`}`;
    const live = liveSource(label, task.mail);
    if (live !== undefined && !shape.allowLiveSource) refusals.push(live);
    const masterApps = new Set(copies.flatMap(({ wanted }) => wanted.mappings.map(({ qlikAppId }) => qlikAppId)));
    warnings.push(...mailWarnings(label, task.mail, masterApps));
    const wholeness = context.list?.wholenessOf(task.id);
    // Without a whole list, and without a log that knows copies, nothing shows that the copies do not exist already.
    if (wholeness?.whole !== false || run.newLog || context.log.knowsAnyCopy()) continue;
    const message = "the log knows no copy, and the server's task list does not show whether there are any";
    refusals.push(problem("NEW_LOG", `${message} (${wholeness.why})`));
  }
  const changes = items.filter((item) => isWork(item.action.kind)).length;
  if (run.maxChanges !== undefined && changes > run.maxChanges)
    refusals.push(
      problem("MAX_CHANGES", `the plan changes ${changes} tenants, more than --max-changes ${run.maxChanges}`),
    );
  return { refusals, warnings };
}

/** The refusal of a source task whose copies would mail by themselves. What the server does not show of it counts as no. */
export function liveSource(label: string, mail: MailSettings): Problem | undefined {
  const { enabled, testMode, activeTriggers, recipients } = mail;
  if (enabled !== true || testMode === true || !activeTriggers?.length || !recipients) return undefined;
  const message = `${label} would mail by itself: it ${mailFacts(mail).join(", ")}, and is not in test mode; every copy may start to mail at once`;
  return problem("LIVE_SOURCE", message);
}

function mailFacts({ enabled, activeTriggers = [], recipients }: MailSettings): readonly unknown[] {
  return [
    enabled === true && "is enabled",
    activeTriggers.length > 0 && `has ${counted(activeTriggers.length, "active trigger")}`,
    recipients && `has ${counted(recipients, "recipient")}`,
  ].filter(Boolean);
}

function mailWarnings(label: string, mail: MailSettings, masterApps: ReadonlySet<AppId>): readonly Problem[] {
  const { enabled, activeTriggers, recipients } = mail;
  const warnings: Problem[] = [];
  if (enabled === true || recipients) {
    const facts = mailFacts(mail).join(" and ");
    warnings.push(problem("SOURCE_MAY_MAIL", `${label} ${facts}: what a copy keeps of this is not documented`));
  }
  for (const { name, appId } of activeTriggers ?? []) {
    const app = [...masterApps].find((one) => one === appId?.toLowerCase());
    const message = `${label}'s trigger "${name}" watches the mapped app ${app}: a copied trigger probably still does`;
    if (app !== undefined) warnings.push(problem("TRIGGER_ON_MASTER_APP", message));
  }
  const hidden = [
    enabled === undefined && "whether it is enabled",
    activeTriggers === undefined && "its triggers",
    recipients === undefined && "its recipients",
  ].filter(Boolean);
  const notShown = `the server does not show ${hidden.join(", ")} of ${label}: whether a copy would mail by itself is not known`;
  return hidden.length === 0 ? warnings : [...warnings, problem("SOURCE_NOT_SHOWN", notShown)];
}
