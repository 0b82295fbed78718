import { describe, expect, it } from "vitest";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import { openStage, SHAPE, type Stage } from "../support/stage.js";
import { useChromium } from "./browser.js";
import { paleTexts } from "./contrast.js";
import { HOSTILE_NAMES } from "./story.js";

const open = useChromium();

async function stageWith(tenants: readonly string[]): Promise<Stage> {
  const stage = await openStage();
  const lines = tenants.map((tenant, at) => `"${tenant.replaceAll('"', '""')}",${tenantAppId(at + 1)}`);
  await stage.put("tenants.csv", ["tenant,newQlikAppId", ...lines, ""].join("\n"));
  await stage.run(["sync", "tenants.csv", ...SHAPE]);
  return stage;
}

describe("the sandbox's page", () => {
  it("lists the tasks with their Overwrite Report Apps, and runs no script of a name", async () => {
    const stage = await stageWith(HOSTILE_NAMES);
    const { page, incidents } = await open.url(`${stage.sandbox.url}/`);
    const titles = await page.getByRole("heading", { level: 2 }).allTextContents();
    expect(titles).toHaveLength(2 + HOSTILE_NAMES.length);
    const [copy] = stage.copies();
    const section = page.getByRole("region", { name: copy?.name ?? "", exact: true });
    const table = section.getByRole("table").first();
    expect(await table.getByRole("columnheader").allTextContents()).toEqual(["Source app", "Target app"]);
    expect(await table.getByRole("cell").allTextContents()).toEqual([MASTER_APP_ID, `→ ${tenantAppId(1)}`]);
    expect(await page.locator("script, img, iframe").count()).toBe(0);
    expect(incidents).toEqual([]);
  });

  it.each(["light", "dark"] as const)("can be read in %s colours, and on a telephone", async (colorScheme) => {
    const stage = await stageWith(["acme", HOSTILE_NAMES[6]]);
    const { page } = await open.url(`${stage.sandbox.url}/`, { colorScheme, viewport: { width: 390, height: 800 } });
    expect(await paleTexts(page, 4.5)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  });

  it("runs a task by keyboard, says which apps were read, and each button says whose it is", async () => {
    const stage = await stageWith(["acme"]);
    const { page } = await open.url(`${stage.sandbox.url}/`);
    const [copy] = stage.copies();
    const button = page.getByRole("button", { name: `Run this task: ${copy?.name}`, exact: true });
    await button.focus();
    const outline = await page.evaluate<string>("getComputedStyle(document.activeElement).outlineStyle");
    expect(outline).toBe("solid");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/sandbox/tasks/${copy?.id}/run`);
    const text = await page.textContent("body");
    const readsApps = [...(text ?? "").matchAll(/"readsApps": \[\s*"([^"]*)"\s*\]/g)].map((match) => match[1]);
    expect(readsApps).toEqual([tenantAppId(1), tenantAppId(1), tenantAppId(1)]);
  });

  it("turns its pages where there are many tasks", async () => {
    const stage = await stageWith(Array.from({ length: 60 }, (_, at) => `tenant-${at + 1}`));
    const { page, incidents } = await open.url(`${stage.sandbox.url}/`);
    expect(await page.getByRole("navigation", { name: "Pages" }).textContent()).toContain("Page 1 of 2");
    expect(await page.getByRole("heading", { name: FIRST_SOURCE_TASK_ID }).count()).toBe(0);
    expect(await page.getByRole("heading", { level: 2 }).count()).toBe(50);
    await page.getByRole("link", { name: "Later tasks" }).press("Enter");
    await page.waitForURL("**/?page=2");
    expect(await page.getByRole("heading", { level: 2 }).count()).toBe(12);
    expect(incidents.filter((line) => !line.endsWith("?page=2"))).toEqual([]);
  });
});
