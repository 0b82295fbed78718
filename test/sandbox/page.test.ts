import { describe, expect, it } from "vitest";
import type { RunningSandbox } from "../../src/sandbox/server.js";
import { MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import { escapeHtml } from "../../src/shared/text-safety.js";
import { duplicate, onlyCopy, sandboxWith, send } from "./client.js";

const pageOf = (sandbox: RunningSandbox) => send(sandbox, "/", { key: undefined });

describe("the page", () => {
  it("lists tasks, and for each report its source and target apps, without a key", async () => {
    const sandbox = await sandboxWith();
    await duplicate(sandbox, "Monthly Report - acme", 42);
    const page = await pageOf(sandbox);
    expect(page.status).toBe(200);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.text).toContain("2 source tasks, 1 copy.");
    expect(page.text).toContain("Overwrite Report Apps");
    const section = page.text.slice(page.text.indexOf(`t-${onlyCopy(sandbox).id}`));
    expect(section).toContain("Monthly Report - acme</h2>");
    expect(section).toContain("copy of Monthly Report");
    expect(section.split(MASTER_APP_ID)).toHaveLength(4);
    expect(section.split(tenantAppId(42))).toHaveLength(4);
    expect(section).toContain("Profit and loss");
  });

  it("is read-only, and has no key in it", async () => {
    const sandbox = await sandboxWith();
    const { text } = await pageOf(sandbox);
    expect(text).not.toMatch(/<form|<button|<input|<select|<textarea|<script/);
    expect(text).not.toContain(sandbox.key);
  });

  it("shows hostile names as text, and may load and run nothing", async () => {
    const sandbox = await sandboxWith();
    const name = `</h2><script>alert("1")</script><img src='x' onerror=alert(1)>&amp;`;
    await duplicate(sandbox, name);
    expect(onlyCopy(sandbox).name).toBe(name);
    await send(sandbox, `/api/v2/tasks/${onlyCopy(sandbox).id}/duplicate`, { method: "POST", body: { NewName: "b" } });
    const page = await pageOf(sandbox);
    expect(page.text).not.toMatch(/<script|<img/);
    expect(page.text).toContain(`${escapeHtml(name)}</h2>`);
    expect(page.text).toContain(`copy of ${escapeHtml(name)}<`);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(page.text).not.toMatch(/(src|href)="(https?:)?\/\//);
  });
});
