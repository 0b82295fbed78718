import { type Answer, failure } from "./answer.js";
import type { Behaviour } from "./behaviour.js";

const RATE_WINDOW_MS = 1000;

/** Judges a request before it is looked at: its key, and how many came within the last second. */
export class Door {
  readonly #key: string;
  readonly #behaviour: Behaviour;
  #admitted = 0;
  #recent: number[] = [];

  constructor(key: string, behaviour: Behaviour) {
    this.#key = key;
    this.#behaviour = behaviour;
  }

  /** The refusal, or `undefined` where the request may come in. `now` in milliseconds. */
  refusal(authorization: string | undefined, now: number): Answer | undefined {
    if (/^bearer (.*)$/i.exec(authorization ?? "")?.[1] !== this.#key)
      return this.#refuseKey(401, "the API key is missing or wrong");
    this.#admitted += 1;
    const expiry = this.#behaviour.keyExpiry;
    if (expiry !== undefined && this.#admitted > expiry.after)
      return this.#refuseKey(expiry.status, "the API key has expired");
    return this.#tooMany(now) ? tooMany(this.#behaviour, "1") : undefined;
  }

  #refuseKey(status: 401 | 417, message: string): Answer {
    const headers = status === 401 ? { "www-authenticate": "Bearer" } : {};
    return failure(this.#behaviour, { status, message, headers });
  }

  #tooMany(now: number): boolean {
    const limit = this.#behaviour.rateLimit;
    if (limit === undefined) return false;
    this.#recent = this.#recent.filter((at) => now - at < RATE_WINDOW_MS);
    if (this.#recent.length >= limit) return true;
    this.#recent.push(now);
    return false;
  }
}

/** 429, with a `Retry-After` where one is given. */
export function tooMany(behaviour: Behaviour, retryAfter: string | undefined): Answer {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { "retry-after": retryAfter };
  return failure(behaviour, { status: 429, message: "too many requests", headers });
}
