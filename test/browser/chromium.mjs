// Where this machine's Chromium is, and how it is started for tests and pictures. Run by itself it prints the path, or nothing.
import { accessSync, constants } from "node:fs";
import { pathToFileURL } from "node:url";

const USUAL_PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Quiet on the network, and nothing kept: playwright makes a fresh profile for each start and removes it. */
export const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** `$CHROMIUM`, else the first usual place that can be executed; `undefined` where there is none. */
export function findChromium() {
  const { CHROMIUM } = process.env;
  return (CHROMIUM ? [CHROMIUM] : USUAL_PLACES).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not for us: the next place is asked.
    return false;
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  process.stdout.write(findChromium() ?? "");
