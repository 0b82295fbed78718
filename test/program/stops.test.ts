import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createGzip } from "node:zlib";
import { describe, expect, it } from "vitest";
import { startSandbox } from "../../src/sandbox/server.js";
import { tenantAppId } from "../../src/sandbox/world.js";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";

type Meddle = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A gateway before the sandbox: what `meddle` does not answer itself goes through. */
async function gatewayTo(url: string, meddle: Meddle, packs = false): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    if (meddle(request, response)) return;
    const onward = httpRequest(
      new URL(request.url ?? "/", url),
      { method: request.method, headers: { ...request.headers, host: new URL(url).host } },
      (answer) => {
        const { "content-length": _, ...headers } = answer.headers;
        if (!packs) {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        } else {
          response.writeHead(answer.statusCode ?? 502, { ...headers, "content-encoding": "gzip" });
          answer.pipe(createGzip()).pipe(response);
        }
      },
    );
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.closeAllConnections(),
  };
}

/** Answers the nth create with this status instead of the sandbox. */
function answerCreate(nth: number, status: number, headers: Readonly<Record<string, string>>): Meddle {
  let creates = 0;
  return (request, response) => {
    if (request.method !== "POST") return false;
    creates += 1;
    if (creates !== nth) return false;
    request.resume();
    response.writeHead(status, { "content-type": "application/json", ...headers }).end("{}");
    return true;
  };
}

describe("what stops a run, and what does not", () => {
  it("fails the tenant that it is to wait an hour for, and holds up the others no longer than --timeout", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(4));
    const gateway = await gatewayTo(stage.sandbox.url, answerCreate(2, 429, { "retry-after": "3600" }));
    const { code, result } = await stage.sync(["--server", gateway.url, "--timeout", "1s", "--concurrency", "1"]);
    gateway.close();
    expect([code, result.summary.succeeded, result.summary.failed]).toEqual([3, 3, 1]);
    expect(result.tenants[1]?.error).toMatchObject({ code: "SLOW_DOWN", httpStatus: 429 });
  });

  it("tells a copy as made although the key ends while it is read back", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(3));
    let made = false;
    const gateway = await gatewayTo(stage.sandbox.url, (request, response) => {
      if (request.method === "POST") made = true;
      else if (made) response.writeHead(401, { "content-type": "application/json" }).end("{}");
      return request.method !== "POST" && made;
    });
    const { code, result } = await stage.sync(["--server", gateway.url]);
    gateway.close();
    expect([code, result.summary.succeeded, result.summary.planned]).toEqual([5, 1, 2]);
    expect(result.tenants[0]).toMatchObject({ newTaskId: stage.copies()[0]?.id, verified: false });
  });

  it("tells of a web server that keeps PATCH to itself, and of a packed answer nothing at all", async () => {
    const stage = await openStage();
    const packing = await gatewayTo(stage.sandbox.url, () => false, true);
    await stage.put("tenants.csv", manifestOf(1));
    const made = await stage.sync(["--server", packing.url]);
    packing.close();
    expect([made.code, made.result.summary.succeeded]).toEqual([0, 1]);
    const iis = await gatewayTo(stage.sandbox.url, (request, response) => {
      if (request.method !== "PATCH") return false;
      request.resume();
      response.writeHead(405, { allow: "GET, HEAD, OPTIONS, TRACE", server: "Microsoft-IIS/10.0" }).end();
      return true;
    });
    await stage.put("tenants.csv", manifestOf(1).replace(tenantAppId(1), tenantAppId(2)));
    const { code, result } = await stage.sync(["--server", iis.url, "--rebind"]);
    iis.close();
    expect([code, result.tenants[0]?.outcome]).toEqual([3, "failed"]);
    expect(result.tenants[0]?.error).toMatchObject({ code: "METHOD_REFUSED", hint: expect.stringContaining("WebDAV") });
  });

  it("takes no task that was there before for a new copy, whatever the answer says", async () => {
    const stage = await openStage();
    const [anothers] = stage.sandbox.tasks().filter((task) => task.id !== SHAPE[1]);
    await stage.put("tenants.csv", manifestOf(1));
    const gateway = await gatewayTo(stage.sandbox.url, (request, response) => {
      if (request.method !== "POST") return false;
      request.resume();
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ data: anothers?.id }));
      return true;
    });
    const { code, result } = await stage.sync(["--server", gateway.url, "--timeout", "1s", "--settle", "200ms"]);
    gateway.close();
    expect([code, result.tenants[0]?.outcome, result.tenants[0]?.newTaskId]).toEqual([4, "in-doubt", undefined]);
  });

  it("goes on after the only copy, which stopped its source task, was deleted and resolve --retry said so", async () => {
    const stage = await openStage({ fault: ["wrong-id-kind"] });
    await stage.put("tenants.csv", manifestOf(2));
    const first = await stage.sync();
    expect([first.code, first.result.tenants[0]?.error?.code]).toEqual([3, "MAPPINGS_DIFFER"]);
    const port = Number(new URL(stage.sandbox.url).port);
    await stage.sandbox.close();
    stage.sandbox = await startSandbox({ port, seed: "without the copy" });
    const second = await stage.sync();
    expect([second.code, second.result.tenants[0]?.error?.code]).toEqual([3, "NOT_SEEN"]);
    expect((await stage.run(["resolve", "tenant-1", "--retry"])).code).toBe(0);
    const third = await stage.sync();
    await stage.sandbox.close();
    expect([third.code, third.result.summary.succeeded]).toEqual([0, 2]);
  });

  it("sends nothing more of a source task after three 403 in a row, and says so once", async () => {
    const stage = await openStage({ fault: ["forbid-tenant=*- tenant-??"] });
    await stage.put("tenants.csv", manifestOf(40));
    const { code, result } = await stage.sync(["--concurrency", "2"]);
    expect(code).toBe(3);
    expect(stage.copies()).toHaveLength(9);
    expect(result.summary.failed).toBeGreaterThanOrEqual(3);
    // Besides the three, what was under way already: at most twice --concurrency.
    expect(result.summary.failed).toBeLessThanOrEqual(7);
    expect(result.summary.planned).toBe(31 - result.summary.failed);
    expect(result.warnings.filter((warning) => warning.code === "SOURCE_STOPPED")).toHaveLength(1);
  });
});
