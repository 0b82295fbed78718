import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { readWholeFile } from "../files/read-file.js";
import { EXIT, StopError } from "../shared/problems.js";

/** Certificates of authorities (PEM, one each), to be trusted besides the usual ones. */
export type Authorities = readonly string[];

/**
 * Reads the authorities of `--ca-file` and, because a list of our own replaces what Node was started with, those of
 * NODE_EXTRA_CA_CERTS. Empty where no `--ca-file` is given: then Node's own list, with that variable, is in force anyway.
 * Throws a StopError (exit 2) that names a file which cannot be read or holds no certificate.
 */
export async function readAuthorities(
  caFiles: readonly string[],
  nodeExtraCaCerts: string | undefined,
): Promise<Authorities> {
  if (caFiles.length === 0) return [];
  const chosen = await Promise.all(caFiles.map(readAuthorityFile));
  return [...(await readExtraAuthorities(nodeExtraCaCerts)), ...chosen.flat()];
}

async function readAuthorityFile(path: string): Promise<Authorities> {
  let bytes: Uint8Array;
  try {
    bytes = await readWholeFile(path);
  } catch (cause) {
    return refuse(path, "it cannot be read", cause);
  }
  return parseAuthorities(path, bytes);
}

/** Node itself ignores this file where it cannot be read, and says so when it starts: no reason to stop. */
async function readExtraAuthorities(path: string | undefined): Promise<Authorities> {
  if (path === undefined || path === "") return [];
  try {
    return parseAuthorities(path, await readFile(path));
  } catch (error) {
    if (error instanceof StopError || isSystemError(error)) return [];
    throw error;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

const PEM = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The certificates of one file: PEM (several may follow each other, and PowerShell may have written UTF-16), or one in DER. */
export function parseAuthorities(path: string, bytes: Uint8Array): Authorities {
  const text = textOf(bytes);
  const blocks: readonly (string | Uint8Array)[] = text.includes("-----BEGIN ") ? (text.match(PEM) ?? []) : [bytes];
  if (blocks.length === 0) return refuse(path, "it holds no certificate");
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block).toString();
    } catch (cause) {
      return refuse(
        path,
        blocks.length > 1 ? `its certificate ${index + 1} is damaged` : "it is no certificate",
        cause,
      );
    }
  });
}

function textOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function refuse(path: string, why: string, cause?: unknown): never {
  throw new StopError(
    EXIT.usage,
    {
      code: "CA_FILE",
      message: `the certificate file ${path} cannot be used: ${why}`,
      hint: 'Give --ca-file the authority\'s certificate as PEM or DER (Windows: export it as "Base-64 encoded X.509")',
      file: path,
    },
    { cause },
  );
}

/**
 * What connections are secured with. Made once: reading 150 certificates takes longer than a request. `undefined`: Node's own
 * list.
 */
export function secureContextOf(authorities: Authorities): SecureContext | undefined {
  if (authorities.length === 0) return undefined;
  return createSecureContext({ ca: [...rootCertificates, ...authorities] });
}
