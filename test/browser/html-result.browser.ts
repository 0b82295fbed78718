import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";
import { MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import type { RunResult } from "../../src/shared/results.js";
import { useChromium } from "./browser.js";
import { paleTexts } from "./contrast.js";
import { HOSTILE_NAMES, type Pages, playStory, playThousands } from "./story.js";

const open = useChromium();
let story: Pages;
let thousands: Pages;

beforeAll(async () => {
  story = await playStory();
  thousands = await playThousands();
});

const status = (page: Page) => page.getByRole("status");
const search = (page: Page) => page.getByRole("searchbox", { name: "Search the tenants" });
const tenantRows = (page: Page) => page.locator("#tenant-rows > tr.shown");
const headings = (page: Page) => page.getByRole("heading", { level: 2 }).allTextContents();
const focused = (page: Page) =>
  page.evaluate<string>("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent");

/** Presses Tab until the control of that name has the focus; fails where it is never reached. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (typeof name === "string" ? now === name : name.test(now)) return;
  }
  throw new Error(`Tab never reached ${String(name)}`);
}

describe("the story", () => {
  it("has every outcome that the page has to tell", () => {
    expect(story.result.summary).toMatchObject({
      update: 1,
      orphan: 1,
      conflict: 2,
      inDoubt: 2,
      failed: 4,
      skipped: 1,
    });
    expect(story.result.tenants.filter(({ error }) => error !== undefined).map(({ error }) => error?.code)).toEqual(
      expect.arrayContaining(["NAME_TAKEN", "APP_IN_USE", "REJECTED", "CONNECTION_LOST"]),
    );
    expect(story.plan.summary).toMatchObject({ create: 32, conflict: 2, planned: 33 });
    expect(thousands.result.summary).toMatchObject({ create: 3000, succeeded: 3000 });
  });
});

describe.each(["planHtml", "resultHtml"] as const)("%s", (which) => {
  const resultOf = (): RunResult => (which === "planHtml" ? story.plan : story.result);

  it("runs no script of a name, loads nothing, complains of nothing", async () => {
    const { page, incidents } = await open.file(story[which]);
    await page.getByRole("button", { name: "Open all mappings" }).click();
    for (const name of HOSTILE_NAMES) {
      const button = page.getByRole("button", { name: name, exact: true });
      await button.hover();
      expect(await button.textContent()).toBe(name);
    }
    await page.pdf();
    expect(await page.locator("img, iframe, object, link[href], script[src]").count()).toBe(0);
    expect(await page.evaluate("document.querySelectorAll('script').length")).toBe(2);
    expect(await page.evaluate("performance.getEntriesByType('resource').length")).toBe(0);
    expect(incidents).toEqual([]);
  });

  it("tells warnings and what needs a person before it counts", async () => {
    const { page } = await open.file(story[which]);
    const titles = await headings(page);
    const counts = `${resultOf().tenants.length - 1} tenants and 1 orphan`;
    expect(titles.slice(0, 3)).toEqual(["Warnings", "Needs a person", counts]);
    expect(titles.slice(-2)).toEqual(["Tenants", "The log’s head"]);
    const warnings = page.getByRole("region", { name: "Warnings" });
    expect(await warnings.getByRole("heading", { level: 3 }).allTextContents()).toEqual(
      resultOf().warnings.map(({ code }) => code),
    );
    const troubles = await page.getByRole("region", { name: "Needs a person" }).textContent();
    expect(troubles).toContain("NAME_TAKEN: 1 tenant in conflict");
    const heir = resultOf().tenants.find(({ tenant }) => tenant === "heir");
    expect(heir?.error?.hint).toContain("resolve");
    // Each command stands alone, with a button that copies it.
    const commands = await page.locator(".command code").allTextContents();
    expect(commands.some((command) => / resolve .*--task-id /.test(command))).toBe(true);
    for (const command of commands)
      expect(heir?.error?.hint?.includes(command) || /^\S.* (resolve|sync) /.test(command)).toBe(true);
    expect(await page.locator(".command button").count()).toBe(commands.length);
  });

  it("counts right, in tiles and in filters", async () => {
    const { page } = await open.file(story[which]);
    const { summary, dryRun } = resultOf();
    const tiles = await page.locator(".tile").evaluateAll((all) => all.map((tile) => tile.textContent));
    expect(tiles).toEqual(
      dryRun
        ? ["32create", "1update", "2unchanged", "2conflict", "1orphan"]
        : [
            "31succeeded",
            "4failed",
            "2in doubt",
            "1skipped",
            "32create",
            "1update",
            "2unchanged",
            "2conflict",
            "1orphan",
          ],
    );
    const outcomes = page.getByRole("group", { name: "Filter by outcome" }).getByRole("button");
    expect(await outcomes.allTextContents()).toEqual(
      [
        ["succeeded", summary.succeeded],
        ["failed", summary.failed],
        ["in doubt", summary.inDoubt],
        ["planned", summary.planned],
        ["skipped", summary.skipped],
      ].flatMap(([word, count]) => (count === 0 || dryRun ? [] : [`${word} ${count}`])),
    );
    expect(await status(page).textContent()).toBe(`${resultOf().tenants.length} tenants`);
  });

  it("shows which app each report read before, and which it shall read", async () => {
    const { page } = await open.file(story[which]);
    await page.getByRole("button", { name: "Open all mappings" }).click();
    const lists = page.locator("#tenant-rows .swaps");
    expect(await lists.count()).toBe(resultOf().tenants.length);
    const rows = await lists.nth(1).getByRole("row").allTextContents();
    const { dryRun } = resultOf();
    expect(rows).toEqual([
      `ReportApp of the reportRead before${dryRun ? "Wanted" : "Asked for"}`,
      ...["Profit and loss", "Cash position", "Open invoices"].map(
        (name, at) =>
          `${name}cccccccc-0001-4000-8000-00000000000${at + 1}${MASTER_APP_ID}${tenantAppId(2)}${tenantAppId(50)}`,
      ),
    ]);
    expect(await lists.nth(1).getByRole("heading").textContent()).toBe("Overwrite Report Apps");
  });

  it("gives the log's head, and a way to it from the top", async () => {
    const { page } = await open.file(story[which]);
    const { log } = resultOf();
    await tabTo(page, /^sequence number/);
    await page.keyboard.press("Enter");
    const foot = page.locator("footer");
    // As log verify --head takes it.
    await foot.getByText(`${log?.seq}:${log?.digest}`, { exact: true }).waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("h-log");
  });

  it.each(["light", "dark"] as const)("can be read in %s colours", async (colorScheme) => {
    const { page } = await open.file(story[which], { colorScheme });
    await page.getByRole("button", { name: "Open all mappings" }).click();
    await page.getByRole("group", { name: "Filter by action" }).getByRole("button").first().click();
    expect(await paleTexts(page, 4.5)).toEqual([]);
    const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    expect(ground).toBe(colorScheme === "light" ? "rgb(244, 245, 248)" : "rgb(14, 17, 22)");
  });
});

describe("by keyboard alone", () => {
  it("searches, says how many are left, and opens a tenant", async () => {
    const { page } = await open.file(story.resultHtml);
    await tabTo(page, "Search the tenants");
    await page.keyboard.type("UMBRELLA");
    await expect.poll(() => status(page).textContent()).toBe("1 of 38 tenants shown");
    expect(await status(page).getAttribute("role")).toBe("status");
    await tabTo(page, "umbrella");
    await page.keyboard.press("Enter");
    const button = page.getByRole("button", { name: "umbrella" });
    expect(await button.getAttribute("aria-expanded")).toBe("true");
    const detail = page.locator(`#${await button.getAttribute("aria-controls")}`);
    expect(await detail.textContent()).toContain("3 writes: PATCH");
    await page.keyboard.press("Enter");
    expect(await detail.isVisible()).toBe(false);
  });

  it("searches names as text, IDs and codes of errors, every word of it", async () => {
    const { page } = await open.file(story.resultHtml);
    for (const [words, count] of [
      [`<img src=x onerror="alert(1)">`, 1],
      ["株式会社", 1],
      [tenantAppId(50), 1],
      ["name_taken", 1],
      ["acme long-name-", 1],
      ["no such tenant", 0],
    ] as const) {
      await search(page).fill(words);
      await expect.poll(() => status(page).textContent(), { message: words }).toBe(`${count} of 38 tenants shown`);
      expect(await tenantRows(page).count()).toBe(count);
    }
    await search(page).fill("");
    await expect.poll(() => status(page).textContent()).toBe("38 tenants");
  });

  it("filters by outcome and action together", async () => {
    const { page } = await open.file(story.resultHtml);
    await tabTo(page, /^failed/);
    await page.keyboard.press("Space");
    expect(await page.getByRole("button", { name: /^failed/ }).getAttribute("aria-pressed")).toBe("true");
    expect(await status(page).textContent()).toBe("4 of 38 tenants shown");
    await tabTo(page, /^conflict/);
    await page.keyboard.press("Enter");
    expect(await tenantRows(page).getByRole("rowheader").allTextContents()).toEqual(["heir", "taken"]);
    await page.keyboard.press("Enter");
    expect(await status(page).textContent()).toBe("4 of 38 tenants shown");
  });

  it("shows where the focus is, on every control", async () => {
    const { page } = await open.file(story.resultHtml);
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press("Tab");
      const outline = await page.evaluate<string>(
        "(({ outlineStyle, outlineWidth }) => outlineStyle + ' ' + outlineWidth)(getComputedStyle(document.activeElement))",
      );
      expect(outline, await focused(page)).toBe("solid 2px");
    }
  });

  it("skips to the tenants with the first Tab", async () => {
    const { page } = await open.file(story.resultHtml);
    await page.keyboard.press("Tab");
    expect(await focused(page)).toBe("Skip to the tenants");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("h-tenants");
  });
});

describe("to a screen reader", () => {
  it("every control has a name, every column a header, the language is said", async () => {
    const { page } = await open.file(story.resultHtml);
    expect(await page.evaluate("document.documentElement.lang")).toBe("en");
    expect(await page.title()).toBe("Result: tenants.csv");
    const unnamed = await page
      .locator("button, input, a, svg, [role]")
      .evaluateAll((all) =>
        all
          .filter(
            (one) => (one.getAttribute("aria-label") ?? one.textContent ?? "").trim() === "" && one.checkVisibility(),
          )
          .map((one) => one.outerHTML),
      );
    expect(unnamed).toEqual([]);
    const table = page.getByRole("table", { name: "Tenants with action, outcome, copy and reason" });
    expect(await table.getByRole("columnheader").allTextContents()).toEqual([
      "Tenant",
      "Action",
      "Outcome",
      "Copy",
      "Why",
      "Verified",
      "Took",
    ]);
    expect(await table.getByRole("rowheader").count()).toBe(38);
    expect(await page.getByRole("list", { name: "By action" }).getByRole("listitem").count()).toBe(5);
    for (const id of await page
      .locator("[aria-labelledby]")
      .evaluateAll((all) => all.map((one) => one.getAttribute("aria-labelledby"))))
      expect(await page.locator(`#${id}`).count(), `${id}`).toBe(1);
  });

  it("symbols that are for the eye are not read", async () => {
    const { page } = await open.file(story.resultHtml);
    const cells = await page.getByRole("row", { name: /refused-1/ }).ariaSnapshot();
    expect(cells).toContain('cell "create"');
    expect(cells).toContain('cell "failed"');
  });
});

describe("the run as a plot", () => {
  it("is drawn, and told in words", async () => {
    const { page } = await open.file(story.resultHtml);
    const plot = page.getByRole("img", { name: /tenants? written to in .*/ });
    const box = await plot.boundingBox();
    expect(box?.width).toBeGreaterThan(900);
    const titles = await plot.locator("rect title").allTextContents();
    const counts = titles.map((title) => Number(/: (\d+) tenants? /.exec(title)?.[1]));
    expect(counts.reduce((sum, count) => sum + count)).toBe(33);
    expect(titles).toContainEqual(expect.stringMatching(/^.* to .*: \d+ tenants? succeeded$/));
  });

  it("is no part of a plan", async () => {
    const { page } = await open.file(story.planHtml);
    expect(await headings(page)).not.toContain("The run over time");
  });
});

describe("three thousand tenants", () => {
  it("are counted, found, and drawn bit by bit until all are there", async () => {
    const { page, incidents } = await open.file(thousands.resultHtml);
    expect(await headings(page)).toContain("3,000 tenants");
    expect(await status(page).textContent()).toBe("3,000 tenants");
    expect(await tenantRows(page).count()).toBeLessThan(1000);
    await search(page).fill("tenant-2999");
    await expect.poll(() => status(page).textContent()).toBe("1 of 3,000 tenants shown");
    await search(page).fill("");
    await expect.poll(() => status(page).textContent()).toBe("3,000 tenants");
    // By its ID: a query by role looks at three thousand rows for each press.
    const more = page.locator("#more-rows");
    expect(await more.textContent()).toMatch(/^Show more \([\d,]+ left\)$/);
    for (let presses = 0; presses < 20 && (await more.isVisible()); presses += 1) await more.press("Enter");
    expect(await tenantRows(page).count()).toBe(3000);
    expect(incidents).toEqual([]);
  });

  it("are a plot of counts over time, that add up", async () => {
    const { page } = await open.file(thousands.resultHtml);
    const titles = await page.locator(".plot rect title").allTextContents();
    const sum = titles.reduce((total, title) => total + Number(/: (\d+) tenants? succeeded$/.exec(title)?.[1]), 0);
    expect(sum).toBe(3000);
  });

  it("are printed all of them", async () => {
    const { page } = await open.file(thousands.planHtml);
    const pdf = await page.pdf();
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    expect(await tenantRows(page).count()).toBe(3000);
  });
});

describe("on paper", () => {
  it("is dark on white without controls, and says when it shows only a part", async () => {
    const { page } = await open.file(story.resultHtml, { colorScheme: "dark" });
    await page.getByRole("button", { name: "Open all mappings" }).click();
    await search(page).fill("umbrella");
    await expect.poll(() => status(page).textContent()).toBe("1 of 38 tenants shown");
    await page.emulateMedia({ media: "print" });
    expect(await search(page).isVisible()).toBe(false);
    expect(await page.getByRole("button", { name: "Open all mappings" }).isVisible()).toBe(false);
    expect(await status(page).isVisible()).toBe(true);
    expect(await page.locator(".swaps:visible").count()).toBe(1);
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(255, 255, 255)");
    expect(await paleTexts(page, 4.5)).toEqual([]);
  });
});

describe("without scripts", () => {
  it("is a plain table of every tenant and its mappings", async () => {
    const { page, incidents } = await open.file(story.resultHtml, { javaScriptEnabled: false });
    const rows = page.locator("#tenant-rows > tr.row:visible");
    expect(await rows.count()).toBe(38);
    const names = await rows.getByRole("rowheader").allTextContents();
    for (const name of HOSTILE_NAMES) expect(names).toContain(name);
    for (const mappings of await page.locator(".swaps").all()) expect(await mappings.isVisible()).toBe(true);
    expect(await search(page).isVisible()).toBe(false);
    expect(incidents).toEqual([]);
  });
});

describe("on a telephone", () => {
  it("never scrolls sideways but in the table, where an opened tenant fits the screen", async () => {
    const { page } = await open.file(story.resultHtml, { viewport: { width: 390, height: 800 } });
    await page.getByRole("button", { name: "umbrella" }).click();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    const detail = await page.locator(".detail:visible").boundingBox();
    expect((detail?.x ?? 0) + (detail?.width ?? 999)).toBeLessThanOrEqual(390);
  });
});
