import type { AppId } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { MailSettings } from "../shared/source-task.js";

/**
 * Judges a source task that is to be copied: would a copy mail by itself? What the server does not show counts as no, with a
 * warning. `refusal`: a guard's, which `--allow-live-source` takes away.
 */
export function judgeLiveSource(source: {
  readonly label: string;
  readonly mail: MailSettings;
  readonly masterApps: ReadonlySet<AppId>;
  readonly allowed: boolean;
}): { readonly refusal: Problem | undefined; readonly warnings: readonly Problem[] } {
  const { label, masterApps, allowed } = source;
  const { enabled, testMode, activeTriggers, recipients } = source.mail;
  const triggers = activeTriggers ?? [];
  const facts = [
    enabled === true ? "is enabled" : [],
    triggers.length > 0 ? `has ${triggers.length} active trigger${triggers.length === 1 ? "" : "s"}` : [],
    recipients ? `has ${recipients} recipient${recipients === 1 ? "" : "s"}` : [],
  ].flat();
  const hidden = [
    enabled === undefined ? "whether it is enabled" : [],
    activeTriggers === undefined ? "its triggers" : [],
    recipients === undefined ? "its recipients" : [],
  ].flat();
  const notShown =
    hidden.length === 0
      ? []
      : problem(
          "SOURCE_NOT_SHOWN",
          `the server does not show ${hidden.join(", ")} of ${label}: whether a copy would mail by itself is not known`,
        );
  const isLive = enabled === true && testMode !== true && triggers.length > 0 && (recipients ?? 0) > 0;
  if (isLive && !allowed) {
    const message = `${label} would mail by itself: it ${facts.join(", ")}, and is not in test mode; every copy may start to mail at once`;
    return { refusal: problem("LIVE_SOURCE", message), warnings: [notShown].flat() };
  }
  const mayMail =
    enabled === true || recipients
      ? problem("SOURCE_MAY_MAIL", `${label} ${facts.join(" and ")}: what a copy keeps of this is not documented`)
      : [];
  const onMasterApp = triggers.flatMap(({ name, appId }) => {
    const app = [...masterApps].find((one) => one === appId?.toLowerCase());
    if (app === undefined) return [];
    const message = `${label}'s trigger "${name}" watches the mapped app ${app}: a copied trigger probably still does`;
    return problem("TRIGGER_ON_MASTER_APP", message);
  });
  return { refusal: undefined, warnings: [mayMail, onMasterApp, notShown].flat() };
}
