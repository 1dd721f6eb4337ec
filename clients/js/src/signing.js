// Tokens, by Web Crypto. Keys run from the oldest to the newest; the newest signs.

import { FORMAT_NAMES } from "./options.js";
import { checkBound } from "./grants.js";
import { checkKey, checkNames, escape, findOption, readList } from "./urls.js";

const MIN_KEY = 32; // characters
const MAX_GRANT = 2048; // characters
const HORIZON = 100 * 365 * 86_400; // seconds; what is later is in milliseconds
const ENDS = ["expiresIn", "expiresAt", "now"];
const encoder = new TextEncoder();

export class Signer {
  #secret;
  #derived = new Map();

  constructor(keys) {
    if (!Array.isArray(keys) || !keys.length) {
      throw new TypeError("keys: expected a list of at least one signing key");
    }
    if (!keys.every((key) => typeof key === "string")) {
      throw new TypeError("keys: a signing key is no text: is its environment variable set?");
    }
    if (keys.some((key) => [...key].length < MIN_KEY)) {
      throw new RangeError(`keys: a signing key has fewer than ${MIN_KEY} characters`);
    }
    if (keys.some((key) => key !== key.trim())) {
      throw new RangeError("keys: a signing key has white space at an end: was it read with its newline?");
    }
    this.#secret = keys[keys.length - 1];
  }

  /** The exact token of a URL, by its prefix, its decoded key and its pairs. */
  async token(prefix, key, pairs) {
    const query = pairs
      .map((pair) => pair.map(escape))
      .sort(([a, x], [b, y]) => (a < b || (a === b && x < y) ? -1 : 1))
      .map((pair) => pair.join("="))
      .join("&");
    return this.#sign("origin/v1", `${prefix}\n${key}\n${query}`);
  }

  /** The token of a grant for a key, or for all below a prefix that ends in `/*`. */
  async grant(key, bounds, expires) {
    checkKey(key);
    checkStar(key);
    const fields = { k: key, o: Object.fromEntries(Object.entries(bounds ?? {}).map(writeBound)) };
    const seen = Object.keys(fields.o).map((name) => findOption(name).name);
    if (new Set(seen).size < seen.length) throw new TypeError("an option is bounded twice");
    if (expires !== undefined) fields.e = expires;
    return this.#payload("origin/v1/grant", fields);
  }

  /** The token of an upload grant. */
  async upload(key, expires, { maxBytes, formats, mayReplace }) {
    checkKey(key);
    checkStar(key);
    if (key.startsWith("-/")) throw new RangeError("keys below -/ are reserved");
    if (expires === undefined) throw new TypeError("an upload grant needs expiresIn or expiresAt");
    const fields = { k: key, e: expires };
    if (maxBytes !== undefined) {
      if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
        throw new RangeError(`maxBytes: expected a number of bytes, got ${JSON.stringify(maxBytes)}`);
      }
      fields.b = maxBytes;
    }
    if (formats !== undefined) fields.f = readList("formats", formats, '["jpg", "png"]').map(readFormat);
    if (fields.f?.length === 0) throw new RangeError("formats: none is left; leave it out to permit all");
    if (mayReplace) fields.r = true;
    return this.#payload("origin/v1/upload", fields);
  }

  async #payload(salt, fields) {
    const payload = base64url(encoder.encode(JSON.stringify(fields)));
    const token = `${payload}.${await this.#sign(salt, payload)}`;
    if (token.length > MAX_GRANT) throw new RangeError(`a grant has at most ${MAX_GRANT} characters`);
    return token;
  }

  async #sign(salt, text) {
    if (!this.#derived.has(salt)) this.#derived.set(salt, this.#derive(salt));
    return base64url(await hmac(await this.#derived.get(salt), text));
  }

  async #derive(salt) {
    return importKey(new Uint8Array(await hmac(await importKey(encoder.encode(this.#secret)), salt)));
  }
}

/** The Unix second of an expiry, rounded up to a multiple of `bucket`; undefined where there is none. */
export function readExpiry(ends = {}, bucket = 3600) {
  checkNames("expiry", ends, ENDS); // a name that is overlooked would make a URL that never ends
  const { expiresIn, expiresAt, now = Date.now() / 1000 } = ends;
  if (expiresIn !== undefined && expiresAt !== undefined) throw new TypeError("give expiresIn or expiresAt");
  if (expiresIn === undefined && expiresAt === undefined) return undefined;
  const end = expiresIn === undefined ? expiresAt : now + expiresIn;
  if (typeof end !== "number" || Number.isNaN(end)) {
    throw new TypeError("expiresIn and expiresAt: expected a number of seconds");
  }
  if (end <= now) throw new RangeError("the expiry has passed");
  if (end > now + HORIZON) {
    throw new RangeError("the expiry is a hundred years away; it is in seconds, not milliseconds");
  }
  return Math.ceil(end / bucket) * bucket;
}

function checkStar(key) {
  if (key === "*") {
    throw new RangeError("no grant is for all keys of a handler; name what is before /*, as in users/*");
  }
  if (key.replace(/\/\*$/, "").includes("*")) {
    throw new RangeError("a grant is for a key, or for a prefix that ends in /*; no other * means anything");
  }
}

function writeBound([name, bound]) {
  const option = findOption(name);
  return [name, checkBound(option, bound)];
}

/** The first name of a format, from any of its names, in any case, with or without a leading dot. */
export function readFormat(name) {
  const plain = typeof name === "string" ? name.toLowerCase().replace(/^\./, "") : "";
  if (!Object.hasOwn(FORMAT_NAMES, plain)) throw new RangeError(`formats: ${JSON.stringify(name)} is not the name of a format`);
  return FORMAT_NAMES[plain];
}

let subtle;

async function webCrypto() {
  if (!subtle) {
    // Node 18 has it in a module alone. Bundlers for browsers are told to leave that module alone.
    const module = "node:crypto";
    subtle =
      globalThis.crypto?.subtle ??
      (await import(/* webpackIgnore: true */ /* @vite-ignore */ module)).webcrypto.subtle;
  }
  return subtle;
}

async function importKey(bytes) {
  return (await webCrypto()).importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

async function hmac(key, text) {
  return (await webCrypto()).sign("HMAC", key, encoder.encode(text));
}

function base64url(buffer) {
  const text = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
