import * as z from "zod";
import type { Host } from "../cli/host.js";
import { MANIFEST_SCHEMA } from "../manifest/schema.js";
import { EXIT, type ExitCode } from "../shared/problems.js";

/** `schema`: the JSON manifest's JSON Schema, for editors. */
export async function schemaCommand(host: Host): Promise<ExitCode> {
  const schema = { ...z.toJSONSchema(MANIFEST_SCHEMA, { io: "input" }), title: "qalyptus-propagate manifest" };
  await host.stdout.write(`${JSON.stringify(schema, undefined, 2)}\n`);
  return EXIT.ok;
}
