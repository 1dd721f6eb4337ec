// Grants: what a bound may be, and which URLs are inside a grant. The origin judges too, and last.

import { parse, quote, spell } from "./kinds.js";
import { findOption, writeOptions, writeValue } from "./urls.js";

/** The bound as the token holds it. Throws for one that the origin would not read, or that no URL can meet. */
export function checkBound(option, bound) {
  if (bound !== null && typeof bound === "object" && !Array.isArray(bound)) return checkRange(option, bound);
  const written = Array.isArray(bound) ? bound.map((value) => writeConstant(option, value)) : writeConstant(option, bound);
  if (Array.isArray(written) && !written.length) throw new RangeError(`option ${option.name}: no value is left`);
  return written;
}

function writeConstant(option, value) {
  const constant = option.compound && (Array.isArray(value) || typeof value === "number") ? spell(value) : value;
  if (!option.constants.includes(typeof constant)) {
    const hint = Array.isArray(value) ? "; a list is of values, and one that is itself a list stands in another" : "";
    throw new TypeError(
      `option ${option.name}: a grant holds a ${option.constants.join(" or a ")}, got ${quote(JSON.stringify(value))}${hint}`,
    );
  }
  writeValue(option, constant);
  return constant;
}

function checkRange(option, range) {
  const ends = Object.keys(range);
  if (!option.ordered || !ends.length || !ends.every((end) => end === "min" || end === "max")) {
    const may = option.ordered ? "min and max, a list, or one value" : "a list, or one value";
    throw new TypeError(`option ${option.name}: a bound is ${may}, got ${quote(JSON.stringify(range))}`);
  }
  const [low, high] = [range.min, range.max].map((end) => (end === undefined ? undefined : readEnd(option, end)));
  const [least, most] = { pixels: [1, Infinity], degrees: [-360, 360], aspect: [0, Infinity] }[option.kind] ?? [];
  const { min = least, max = most, clamped } = option;
  if (low > high || (!clamped && (low > max || high < min)) || (option.kind === "aspect" && high <= 0)) {
    throw new RangeError(`option ${option.name}: no value lies between min and max of ${JSON.stringify(range)}`);
  }
  return range;
}

function readEnd(option, end) {
  if (option.kind === "aspect" && typeof end === "string") return parse(option, end);
  if (typeof end !== "number" || !Number.isFinite(end)) {
    throw new TypeError(`option ${option.name}: min and max are numbers, got ${quote(JSON.stringify(end))}`);
  }
  return end;
}

/** What can be read of a grant without its key; null where it is compressed, which another program may do. */
export function readGrant(token) {
  const dot = token.lastIndexOf(".");
  if (dot < 0) throw new RangeError("grant: not a grant, since it has no dot; the token of one URL is none");
  if (dot === 0 || token.startsWith(".")) return null;
  try {
    const text = atob(token.slice(0, dot).replaceAll("-", "+").replaceAll("_", "/"));
    const fields = JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (one) => one.charCodeAt(0))));
    if (typeof fields.k === "string") return fields;
  } catch {
    // falls through to the one message
  }
  throw new RangeError("grant: not the token of a grant");
}

/** Throws where the origin would refuse these pairs of that key with the grant. */
export function checkInside({ k, e, o = {} }, key, pairs, now) {
  if (e !== undefined && now > e) throw new RangeError(`the grant has expired ${Math.floor(now - e)} s ago`);
  const violation = findViolation(k, o, key, new Map(pairs));
  if (violation) throw new RangeError(`outside the grant: ${violation}`);
}

/** Whether these options, all of them sizes, are named by the grant and within its bounds. */
function admits(named, options) {
  return writeOptions(options).every(([name, text]) => {
    const option = findOption(name);
    return named.has(option) && holds(option, named.get(option), parse(option, text));
  });
}

/** The candidates of a `srcset` without those that are larger or smaller than the grant admits. Where it admits none
 *  all are kept, for the URL of the first tells why; so they are where the grant cannot be read. */
export function keepAdmitted(grant, candidates) {
  if (!grant) return candidates;
  const named = namedBounds(grant.o ?? {});
  const kept = candidates.filter(([{ w, h, dpr }]) => admits(named, { w, h, dpr }));
  return kept.length ? kept : candidates;
}

const namedBounds = (bounds) => new Map(Object.entries(bounds).map(([name, bound]) => [findOption(name), bound]));

function findViolation(scope, bounds, key, texts) {
  if (!(scope.endsWith("/*") ? key.startsWith(scope.slice(0, -1)) : key === scope)) return `it is for '${scope}'`;
  const named = namedBounds(bounds);
  for (const [name, text] of texts) {
    const option = findOption(name);
    if (!named.has(option)) return `it does not name ${name}`;
    if (!holds(option, named.get(option), parse(option, text))) return `${name}=${text}`;
  }
  const missing = [...named.keys()].find((option) => !texts.has(option.name));
  return missing ? `${missing.name} is missing` : "";
}

function holds(option, bound, value) {
  if (Array.isArray(bound)) return bound.some((one) => equals(option, one, value));
  if (typeof bound !== "object") return equals(option, bound, value);
  if (typeof value !== "number") return false; // a word lies in no range
  const [low, high] = [bound.min ?? -Infinity, bound.max ?? Infinity].map((end) =>
    typeof end === "string" ? parse(option, end) : end,
  );
  return low <= value && value <= high;
}

function equals(option, constant, value) {
  try {
    return parse(option, spell(constant)) === value;
  } catch {
    return false; // a value that this version does not know
  }
}
