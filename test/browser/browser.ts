import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { CHROMIUM_FLAGS, findChromium } from "./chromium.mjs";

/** A page that is open, and everything that it did besides being shown. */
export interface OpenPage {
  readonly page: Page;
  /** Requests to anywhere but the page itself, dialogs, console messages, errors: each is a line. */
  readonly incidents: readonly string[];
}

/** How the tests of a file open pages: one Chromium, a fresh context (no cookies, no cache) for each page. */
export interface Opener {
  /** Opens a text as a file, as an auditor opens what was mailed. */
  file(html: string, options?: BrowserContextOptions): Promise<OpenPage>;
  url(url: string, options?: BrowserContextOptions): Promise<OpenPage>;
}

/** Starts a Chromium before a file's tests; its pages are closed after each test, the browser and its files after the last. */
export function useChromium(): Opener {
  let browser: Browser;
  let folder: string;
  let files = 0;
  beforeAll(async () => {
    const executablePath = findChromium();
    if (executablePath === undefined)
      throw new Error("no Chromium was found: install one (apt-get install chromium), or say where it is in $CHROMIUM");
    browser = await chromium.launch({ executablePath, headless: true, args: [...CHROMIUM_FLAGS] });
    folder = await mkdtemp(join(tmpdir(), "qalyptus-browser-"));
  });
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });
  const url = async (address: string, options: BrowserContextOptions = {}): Promise<OpenPage> => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en", ...options });
    const page = await context.newPage();
    const incidents = watch(page, address);
    await page.goto(address);
    return { page, incidents };
  };
  return {
    url,
    file: async (html, options) => {
      files += 1;
      const path = join(folder, `page-${files}.html`);
      await writeFile(path, html);
      return url(pathToFileURL(path).href, options);
    },
  };
}

function watch(page: Page, address: string): readonly string[] {
  const incidents: string[] = [];
  page.on("request", (request) => {
    if (request.url() !== address) incidents.push(`request: ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    incidents.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("console", (message) => incidents.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => incidents.push(`error: ${error.message}`));
  page.on("popup", () => incidents.push("popup"));
  return incidents;
}
