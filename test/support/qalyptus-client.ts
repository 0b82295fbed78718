import { parseServerUrl } from "../../src/server/address.js";
import { createQalyptusApi } from "../../src/server/api.js";
import type { QalyptusApiSettings, RequestReport } from "../../src/server/client.js";
import type { WriteCall } from "../../src/server/ports.js";
import { writeId } from "../../src/shared/ids.js";
import { type Clock, systemChance, systemClock } from "../../src/shared/time.js";

/** A key that would be noticed anywhere. */
export const KEY = "qk-SECRET-7f3a9b/x+1";

/** A clock on which no wait takes any time; what was waited for is kept. */
export function hurriedClock(): Clock & { readonly waits: readonly number[] } {
  const waits: number[] = [];
  let ahead = 0;
  return {
    waits,
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() + ahead,
    sleep: async (ms) => {
      waits.push(ms);
      ahead += ms;
    },
  };
}

/** Settings of a client of a loopback server, as short-tempered as a test needs them. */
export function clientSettings(origin: string, changes: Partial<QalyptusApiSettings> = {}): QalyptusApiSettings {
  return {
    server: parseServerUrl(origin),
    key: KEY,
    version: "1.2.3",
    timeoutMs: 5_000,
    connections: 4,
    retries: 2,
    clock: hurriedClock(),
    chance: systemChance,
    ...changes,
  };
}

/** An API on a loopback server, with the requests that it reports. */
export function openApi(
  origin: string,
  changes: Partial<QalyptusApiSettings> = {},
): ReturnType<typeof createQalyptusApi> & { readonly reports: readonly RequestReport[] } {
  const reports: RequestReport[] = [];
  const settings = { ...clientSettings(origin), onRequest: (one: RequestReport) => reports.push(one) };
  return { ...createQalyptusApi({ ...settings, ...changes }), reports };
}

export function call(changes: Partial<WriteCall> = {}): WriteCall {
  return {
    write: writeId("w-1"),
    idempotencyKey: "idem-1",
    signal: new AbortController().signal,
    mayStart: () => true,
    ...changes,
  };
}
