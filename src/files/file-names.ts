import { basename } from "node:path";

/** What Windows takes for a device, with any ending. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;

/** As many bytes (on Windows: characters) as a name may have on the usual disks. */
const LONGEST = 255;

/** Why no file can have this name; `undefined` where one can. `room`: for what other files' names add to it. */
export function nameFault(path: string, platform: NodeJS.Platform, room = 0): string | undefined {
  const name = basename(path);
  const length = platform === "win32" ? name.length : Buffer.byteLength(name);
  if (length + room > LONGEST) return `its name has ${length} bytes, and ${LONGEST - room} are the most`;
  if (platform !== "win32") return undefined;
  const withoutBlanks = name.replace(/[. ]+$/, "");
  if (DEVICE.test(withoutBlanks)) return "Windows keeps this name for a device";
  if (withoutBlanks !== name) return "Windows takes the dot or blank at its end away";
  const odd = /[<>:"|?*]/.exec(name)?.[0];
  return odd === undefined ? undefined : `Windows lets no name hold ${odd}`;
}
