import { setMaxListeners } from "node:events";
import type { Dispatcher } from "undici";
import type { FailureKind, TransportFailure } from "./transport-failure.js";

/** One request, made by the readers and writers of the API. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** Below the server's origin, with its query. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  /** Past any cache. */
  readonly fresh?: boolean | undefined;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Its turn (`--rate`) was waited for already. */
  readonly hasTurn?: boolean | undefined;
  /** Asked once, right before the first byte goes out; false: it must not. */
  readonly mayStart?: (() => boolean) | undefined;
}

/** An answer with a status. `cutShort`: its body did not come to its end. */
export interface Answer {
  readonly kind: "answer";
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly date: string | undefined;
  readonly location: string | undefined;
  readonly body: Buffer;
  readonly cutShort: TransportFailure | undefined;
}

/** No status came. `sent`: it left this machine, or may have. */
export interface NoAnswer {
  readonly kind: "no-answer";
  readonly sent: boolean;
  readonly failure: TransportFailure;
}

/** What came of one request. */
export type Exchange = Answer | NoAnswer;

/** What all attempts of one client share. */
export interface AttemptSettings {
  readonly failureOf: (error: unknown) => TransportFailure;
  readonly giveUp: (kind: FailureKind) => TransportFailure;
  /** Whether a request whose start was not seen was certainly not sent. */
  readonly unstartedIsUnsent: () => boolean;
  /** From the first byte sent to the last one of the answer. */
  readonly timeoutMs: number;
}

/**
 * One request on its way. undici calls `onRequestStart` right before it writes a request to a connection, and only then: that
 * is how a request that is still queued is told from one that was sent.
 */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly #of: AttemptSettings;
  readonly #request: HttpRequest;
  readonly #resolve: (exchange: Exchange) => void;
  readonly #onAbort = (): void => this.#stop("aborted");
  #controller: Dispatcher.DispatchController | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #started = false;
  #settled = false;
  #head: Omit<Answer, "kind" | "body" | "cutShort"> | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(of: AttemptSettings, request: HttpRequest, resolve: (exchange: Exchange) => void) {
    this.#of = of;
    this.#request = request;
    this.#resolve = resolve;
    if (request.signal === undefined) return;
    // All writes in flight go by one signal.
    setMaxListeners(0, request.signal);
    request.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#settled) {
      controller.abort(this.#of.giveUp("aborted"));
      return;
    }
    if (this.#request.mayStart?.() === false) {
      this.#stop("aborted");
      return;
    }
    this.#started = true;
    // What has come while this process could not look (a suspended machine) is read first: once around the loop. The connection
    // keeps the process alive.
    this.#deadline = setTimeout(() => setImmediate(() => this.#stop("timeout")), this.#of.timeoutMs).unref();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHeaders): void {
    if (status < 200) return;
    this.#head = {
      status,
      contentType: firstOf(headers["content-type"]) ?? "",
      retryAfter: firstOf(headers["retry-after"]),
      date: firstOf(headers.date),
      location: firstOf(headers.location),
    };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#request.maxBytes) this.#stop("too-large");
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    this.#settle(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle(this.#of.failureOf(error));
  }

  #stop(kind: FailureKind): void {
    if (this.#settled) return;
    const failure = this.#of.giveUp(kind);
    this.#settle(failure);
    this.#controller?.abort(failure);
  }

  #settle(failure: TransportFailure | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#deadline);
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#resolve(this.#outcome(failure));
    this.#chunks = [];
  }

  #outcome(failure: TransportFailure | undefined): Exchange {
    if (this.#head !== undefined) {
      const body = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks);
      return { kind: "answer", ...this.#head, body, cutShort: failure };
    }
    const why = failure ?? this.#of.failureOf(new Error("no status"));
    const sent = this.#started || !(why.connecting || this.#of.unstartedIsUnsent());
    return { kind: "no-answer", sent, failure: why };
  }
}

type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
