import { X509Certificate } from "node:crypto";
import tls, { createSecureContext, type SecureContext } from "node:tls";
import { MOST_BYTES } from "../files/open-file.js";
import { decodeText, readNamedFile } from "../files/read-file.js";
import { trimAround } from "../shared/ids.js";
import { EXIT, type StopError, stopError } from "../shared/problems.js";
import { mistyped } from "../shared/quoting.js";

/** Longer is no key but another file; a server's limit for all headers is about this. */
const LONGEST_KEY = 8192;

/**
 * Reads the API key from a variable's text or a file's bytes: these are decoded like a manifest, and what stands around the key is cut
 * off. Throws a StopError (exit 2) that says the name of either and never shows anything of its content.
 */
export function readApiKey(name: string, given: string | Uint8Array): string {
  const text = typeof given === "string" ? given : decodeText(given, { file: name }).text;
  const key = trimAround(text).replace(/^bearer[ \t]+/i, "");
  const fault = faultOf(key);
  const wrong = fault === undefined ? mistyped(key) : { why: fault, hint: undefined };
  if (wrong === undefined) return key;
  const file = typeof given === "string" ? undefined : name;
  const { why, hint } = wrong;
  throw stopError(EXIT.usage, "API_KEY", `the API key in ${name} cannot be used: ${why}`, { file, hint });
}

function faultOf(key: string): string | undefined {
  if (key === "") return "it is empty";
  if (/[\r\n\u0085\u2028\u2029]/.test(key)) return "there are several lines";
  if (key.length > LONGEST_KEY) return `it is longer than ${LONGEST_KEY} characters`;
  if (/[\u0000-\u001f\u007f]/.test(key)) return "there are control characters in it";
  if (/[^\u0020-\u007e]/.test(key)) return "there are characters in it that are not ASCII";
  return undefined;
}

/**
 * Reads the certificates (PEM, one each) of the authorities to be trusted besides the usual ones: those of `--ca-file` and, because Node 20
 * forgets them where something is added, those of NODE_EXTRA_CA_CERTS. Empty where no `--ca-file` is given: then that variable is in force
 * anyway. Throws a StopError (exit 2) that names a file which cannot be read or holds no certificate.
 */
export async function readAuthorities(
  caFiles: readonly string[],
  nodeExtraCaCerts: string | undefined,
): Promise<readonly string[]> {
  if (caFiles.length === 0) return [];
  const chosen = await Promise.all(caFiles.map(readAuthorityFile));
  // Node itself ignores its own file where it cannot be used, and says so when it starts: no reason to stop.
  const extra = nodeExtraCaCerts ? await readAuthorityFile(nodeExtraCaCerts).catch(() => []) : [];
  return [...extra, ...chosen.flat()];
}

async function readAuthorityFile(path: string): Promise<readonly string[]> {
  const named = { what: "the certificate file", code: "CA_FILE", most: MOST_BYTES.authorities } as const;
  return parseAuthorities(path, (await readNamedFile(path, named)).bytes);
}

const PEM = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** The certificates of one file: PEM (several may follow each other, and PowerShell may have written UTF-16), or one in DER. */
export function parseAuthorities(path: string, bytes: Uint8Array): readonly string[] {
  // UTF-16 is ASCII without its NUL bytes.
  const text = Buffer.from(bytes).toString("latin1").replaceAll("\0", "");
  const blocks: readonly (string | Uint8Array)[] = text.includes("-----BEGIN ") ? (text.match(PEM) ?? []) : [bytes];
  if (blocks.length === 0) throw refusal(path, "it holds no certificate");
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block).toString();
    } catch (cause) {
      const why = blocks.length > 1 ? `its certificate ${index + 1} is damaged` : "it is no certificate";
      throw refusal(path, why, cause);
    }
  });
}

function refusal(file: string, why: string, cause?: unknown): StopError {
  return stopError(EXIT.usage, "CA_FILE", `the certificate file ${file} cannot be used: ${why}`, { file }, cause);
}

/**
 * What connections are secured with: Node's own list, whichever that is (`--use-openssl-ca`, `--use-system-ca`, NODE_EXTRA_CA_CERTS), and
 * these (PEM). `ca` of {@link createSecureContext} would stand in place of Node's list.
 */
export function secureContextOf(authorities: readonly string[]): SecureContext {
  const secure = createSecureContext();
  for (const authority of authorities) secure.context.addCACert(authority);
  return secure;
}

/** Who is trusted. Made when the first secure connection is, and once: reading 150 certificates takes longer than a request. */
export class Trust {
  readonly #authorities: readonly string[];
  #context: SecureContext | undefined;
  #hasSystems = false;

  constructor(authorities: readonly string[]) {
    this.#authorities = authorities;
  }

  get context(): SecureContext {
    this.#context ??= secureContextOf(this.#authorities);
    return this.#context;
  }

  /**
   * The same with the authorities that the system itself trusts, where Node can read them (from 22.15 on). Asked for where a certificate
   * is by an authority that is not known yet, and only then: some systems take seconds to list them.
   */
  withSystemsOwn(): SecureContext {
    if (!this.#hasSystems) {
      this.#hasSystems = true;
      const found = readSystemsOwn();
      if (found.length > 0) this.#context = secureContextOf([...this.#authorities, ...found]);
    }
    return this.context;
  }
}

function readSystemsOwn(): readonly string[] {
  // Node 20, whose types are used here, has no such function.
  const node = tls as typeof tls & { getCACertificates?: (type: "system") => readonly string[] };
  try {
    return node.getCACertificates?.("system") ?? [];
  } catch {
    return [];
  }
}
