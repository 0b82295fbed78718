import { describe, expect, it } from "vitest";
import { MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
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
    expect(await table.getByRole("columnheader").allTextContents()).toEqual(["Report", "Source app", "Target app"]);
    expect(await table.locator("tbody tr").first().getByRole("cell").allTextContents()).toEqual([
      MASTER_APP_ID,
      `→ ${tenantAppId(1)}`,
    ]);
    expect(await page.locator("script, img, iframe").count()).toBe(0);
    expect(incidents).toEqual([]);
  });

  it.each(["light", "dark"] as const)("can be read in %s colours, and on a telephone", async (colorScheme) => {
    const stage = await stageWith(["acme", HOSTILE_NAMES[6]]);
    const { page } = await open.url(`${stage.sandbox.url}/`, { colorScheme, viewport: { width: 390, height: 800 } });
    expect(await paleTexts(page, 4.5)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
  });
});
