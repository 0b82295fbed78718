import * as z from "zod";
import { MANIFEST_SCHEMA } from "../manifest/schema.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import type { Host } from "./host.js";

/** `schema`: the JSON manifest's JSON Schema, for editors. */
export async function schemaCommand(host: Host): Promise<ExitCode> {
  const schema = { ...z.toJSONSchema(MANIFEST_SCHEMA, { io: "input" }), title: "qalyptus-propagate manifest" };
  await host.stdout.write(`${JSON.stringify(schema, undefined, 2)}\n`);
  return EXIT.ok;
}
