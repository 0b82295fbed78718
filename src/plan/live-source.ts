import type { AppId } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import type { MailSettings } from "../shared/source-task.js";

/** What one look at a source task says of copies that would mail by themselves. */
export interface LiveSource {
  /** A guard's refusal (`--allow-live-source`), or `undefined`. */
  readonly refusal: Problem | undefined;
  readonly warnings: readonly Problem[];
}

/**
 * Judges a source task that is to be copied: would a copy mail by itself? What the server does not show counts as no, with a
 * warning.
 */
export function judgeLiveSource(of: {
  readonly label: string;
  readonly mail: MailSettings;
  readonly masterApps: ReadonlySet<AppId>;
  readonly allowed: boolean;
}): LiveSource {
  const { label, mail, masterApps, allowed } = of;
  const triggers = mail.activeTriggers ?? [];
  const live = mail.enabled === true && mail.testMode !== true && triggers.length > 0 && (mail.recipients ?? 0) > 0;
  const facts = [
    mail.enabled === true ? "is enabled" : undefined,
    triggers.length > 0 ? `has ${triggers.length} active trigger${triggers.length === 1 ? "" : "s"}` : undefined,
    mail.recipients ? `has ${mail.recipients} recipient${mail.recipients === 1 ? "" : "s"}` : undefined,
  ].filter((fact) => fact !== undefined);
  if (live && !allowed)
    return {
      refusal: {
        code: "LIVE_SOURCE",
        message: `${label} would mail by itself: it ${facts.join(", ")}, and is not in test mode; every copy may start to mail at once`,
        hint: "Disable it, put it in test mode or remove its triggers on the server, or accept it with --allow-live-source",
      },
      warnings: hidden(label, mail),
    };
  return {
    refusal: undefined,
    warnings: [...softWarnings({ label, mail, masterApps, facts }), ...hidden(label, mail)],
  };
}

function softWarnings(of: {
  readonly label: string;
  readonly mail: MailSettings;
  readonly masterApps: ReadonlySet<AppId>;
  readonly facts: readonly string[];
}): readonly Problem[] {
  const warnings: Problem[] = [];
  const { label, mail } = of;
  if (mail.enabled === true || (mail.recipients ?? 0) > 0)
    warnings.push({
      code: "SOURCE_MAY_MAIL",
      message: `${label} ${of.facts.join(" and ")}: what a copy keeps of this is not documented`,
      hint: "Look at the first copy's recipients and triggers on the server before you go on",
    });
  for (const trigger of mail.activeTriggers ?? []) {
    const watched = [...of.masterApps].find((app) => app === trigger.appId?.toLowerCase());
    if (watched !== undefined)
      warnings.push({
        code: "TRIGGER_ON_MASTER_APP",
        message: `${label}'s trigger "${trigger.name}" watches the mapped app ${watched}: a copied trigger probably still does`,
        hint: "Look at the copies' triggers on the server: a reload of the master app may start every copy",
      });
  }
  return warnings;
}

function hidden(label: string, mail: MailSettings): readonly Problem[] {
  const missing = [
    mail.enabled === undefined ? "whether it is enabled" : undefined,
    mail.activeTriggers === undefined ? "its triggers" : undefined,
    mail.recipients === undefined ? "its recipients" : undefined,
  ].filter((part) => part !== undefined);
  if (missing.length === 0) return [];
  return [
    {
      code: "SOURCE_NOT_SHOWN",
      message: `the server does not show ${missing.join(", ")} of ${label}: whether a copy would mail by itself is not known`,
      hint: "Look at the source task on the server before the first copy is made",
    },
  ];
}
