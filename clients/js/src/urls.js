// URLs: where a handler is, which keys it takes, options in one spelling and order, candidates of a `srcset`.

import { parse, spell } from "./kinds.js";
import { OPTIONS } from "./options.js";

const BY_NAME = new Map(OPTIONS.flatMap((option) => [[option.name, option], [option.alias, option]]));
BY_NAME.delete(null);
const ENDS = new Set(["expiresIn", "expiresAt"]);
const OF_TOKEN = new Set(["e", "expires", "t", "token"]);
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const MAX_KEY = 1024; // bytes

/** Percent-encoded: all but the unreserved characters of RFC 3986 section 2.3. */
export function escape(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

const escapePath = (path) => path.split("/").map(escape).join("/");

/** Which rule a key with an empty segment breaks. */
function describeEmpty(key) {
  if (!key) return "a key has at least one character";
  if (key.startsWith("/") || key.endsWith("/")) return "a key has no slash at an end";
  return `a key has no empty segment${key.includes("://") ? "; it is no URL" : ""}`;
}

/** The rule that a decoded key breaks; empty where it breaks none. */
export function findKeyViolation(key) {
  if (typeof key !== "string") return `a key is a text, not ${key === null ? "null" : typeof key}`;
  const segments = key.split("/");
  if (segments.includes("")) return describeEmpty(key);
  if (segments.includes(".") || segments.includes("..")) return "a key has no . or .. segment";
  if (CONTROL.test(key) || hasLoneSurrogate(key)) return "a key has no control character";
  return new TextEncoder().encode(key).length > MAX_KEY ? `a key has at most ${MAX_KEY} bytes` : "";
}

export function checkKey(key) {
  const violation = findKeyViolation(key);
  if (violation) throw new RangeError(typeof key === "string" ? `${violation}: ${JSON.stringify(key)}` : violation);
}

/** The base URL and the prefix of a handler. */
export class Address {
  constructor(baseUrl, prefix) {
    if (typeof baseUrl !== "string") throw new TypeError("baseUrl: expected a text such as https://img.example.com");
    if (typeof prefix !== "string") throw new TypeError("prefix: expected the handler's prefix, such as photos");
    if (/[?#\s]/.test(baseUrl)) {
      throw new RangeError("baseUrl: it ends with its path: it has no query, no fragment and no space");
    }
    if (!/^((https?:)?\/\/|\/|$)/i.test(baseUrl)) {
      throw new RangeError(`baseUrl: expected one such as https://img.example.com, got ${JSON.stringify(baseUrl)}`);
    }
    this.prefix = prefix.replace(/^\/+|\/+$/g, "");
    this.base = baseUrl.replace(/\/+$/, "");
  }

  /** The URL of a decoded key with these pairs of names and values. */
  url(key, pairs) {
    checkKey(key);
    return this.#join(key, pairs);
  }

  /** The URL of the handler itself. */
  mount(pairs) {
    return this.#join("", pairs);
  }

  /** The key that a front end writes as `src`: a leading slash and this very address are taken off; null for a
   *  URL of somebody else. */
  readKey(src) {
    const start = `${this.base}/${this.prefix ? `${escapePath(this.prefix)}/` : ""}`;
    if (/^[a-z][a-z0-9+.-]*:/i.test(start) && src.startsWith(start)) {
      return decodeURIComponent(src.slice(start.length).split(/[?#]/)[0]);
    }
    return /^(?:[a-z][a-z0-9+.-]*:\/\/|\/\/|data:|blob:)/i.test(src) ? null : src.replace(/^\//, "");
  }

  #join(key, pairs) {
    const path = [this.prefix, key].filter(Boolean).map(escapePath).join("/");
    const query = pairs.map((pair) => pair.map(escape).join("=")).join("&");
    return `${this.base}/${path}${query && `?${query}`}`;
  }
}

/** The option of that name or alias. Throws for what says nothing about the picture. */
export function findOption(name) {
  const option = BY_NAME.get(name);
  if (option) return option;
  if (ENDS.has(name)) throw new TypeError(`${name} is not an option; it stands behind them: { expiresIn: 3600 }`);
  if (OF_TOKEN.has(name)) throw new TypeError(`${name} belongs to the token: give expiresIn or expiresAt`);
  const near = suggest(name, BY_NAME.keys());
  throw new TypeError(`${name} is not an option${near ? `; did you mean ${near}?` : ""}`);
}

/** The same options under their canonical names, without those that are null or undefined. */
export function canonicalize(options) {
  const given = {};
  for (const [name, value] of Object.entries(options ?? {})) {
    const option = findOption(name);
    if (value === null || value === undefined) continue;
    if (Object.hasOwn(given, option.name)) throw new TypeError(`option ${option.name} comes twice`);
    given[option.name] = value;
  }
  return given;
}

/** The pairs of these options, in the order of the table. Throws for what the origin would refuse. */
export function writeOptions(options) {
  const given = canonicalize(options);
  return OPTIONS.filter((option) => Object.hasOwn(given, option.name)).map((option) => [
    option.name,
    writeValue(option, given[option.name]),
  ]);
}

export function writeValue(option, value) {
  let text;
  try {
    text = spell(value);
  } catch (error) {
    throw new TypeError(`option ${option.name}: ${error.message}`);
  }
  if (hasLoneSurrogate(text) || parse(option, text) === undefined) {
    throw new RangeError(`option ${option.name}: ${JSON.stringify(value)} is the same as absent; leave it out`);
  }
  return text;
}

/** The exact value of an option, given under its canonical name; undefined where it is absent. */
export function readValue(options, name) {
  const value = options[name];
  return value === undefined || value === null ? undefined : parse(BY_NAME.get(name), spell(value));
}

/**
 * One candidate a width (`300w`) or a density (`2x`): its options and its descriptor. Over widths, `w` and `h`
 * are the shape, which every candidate keeps; over densities they are the size at 1x.
 */
export function listCandidates(options, widths = [], densities = []) {
  const given = canonicalize(options);
  checkSteps(widths, densities);
  if (!widths.length === !densities.length) {
    throw new TypeError("give widths or densities: a srcset is over one of them");
  }
  if ("dpr" in given) throw new TypeError("leave dpr out: widths are device pixels, and densities set it");
  return widths.length ? overWidths(given, widths) : overDensities(given, densities);
}

/** Throws for what is no list: a number would pass for an empty one. */
export function checkSteps(widths, densities) {
  readList("widths", widths, "[300, 600]");
  readList("densities", densities, "[1, 2]");
}

function overWidths(given, widths) {
  if (!widths.every(Number.isInteger)) throw new TypeError("the widths of a srcset are whole numbers");
  if ("w" in given !== "h" in given) {
    throw new TypeError("give w and h beside widths, and h follows each width in that proportion; or neither");
  }
  if (!("w" in given)) return widths.map((w) => [{ ...given, w }, `${w}w`]);
  for (const side of ["w", "h"]) writeValue(BY_NAME.get(side), given[side]);
  const [width, height] = [given.w, given.h].map(Number);
  return widths.map((w) => [{ ...given, w, h: Math.max(1, Math.floor((w * height) / width + 0.5)) }, `${w}w`]);
}

function overDensities(given, densities) {
  if (!("w" in given || "h" in given)) throw new TypeError("densities multiply w or h; give one");
  const { min, max } = BY_NAME.get("dpr");
  for (const dpr of densities) {
    if (typeof dpr !== "number" || !(dpr >= min && dpr <= max)) {
      throw new RangeError(`density ${dpr}: dpr takes ${min} to ${max}`);
    }
  }
  return densities.map((dpr) => [{ ...given, dpr }, `${dpr}x`]);
}

/** The list itself. Throws for anything else. */
export function readList(name, given, example) {
  if (Array.isArray(given)) return given;
  throw new TypeError(`${name}: expected a list, such as ${example}, got ${JSON.stringify(given)}`);
}

/** Throws for a name that is none of these, with the one that was probably meant. */
export function checkNames(what, given, names) {
  if (given === null || typeof given !== "object") throw new TypeError(`${what}: expected an object with ${names.join(", ")}`);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const near = suggest(name, names);
    throw new TypeError(`${what}: ${name} is unknown; ${near ? `did you mean ${near}?` : `it takes ${names.join(", ")}`}`);
  }
}

/** The name that was probably meant. */
export function suggest(name, names) {
  let best;
  let least = Math.max(1, Math.floor(String(name).length / 3)) + 1;
  for (const other of names) {
    const steps = distance(String(name).toLowerCase(), other.toLowerCase());
    if (steps < least) [best, least] = [other, steps];
  }
  return best;
}

/** How many letters have to be put in, taken out, replaced or swapped with the next. */
function distance(one, other) {
  let [before, last] = [[], Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
      if (one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[other.length];
}

function hasLoneSurrogate(text) {
  return /[\ud800-\udfff]/.test(text.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""));
}
