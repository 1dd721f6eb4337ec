// Kinds of values: what the text of an option means, and what the origin refuses. The rules are those of the
// origin's own `origin/urls`; `options.js` says which option has which kind.

import { COLOURS } from "./options.js";

const NUMBER = /^(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,20})?$/;
const NAMES = /^[A-Za-z0-9_-]{1,64}(?:,[A-Za-z0-9_-]{1,64})*$/;
const UNPRINTABLE = /[\p{C}\p{Z}]/u;
const FLAGS = new Map([["true", true], ["t", true], ["1", true], ["false", false], ["f", false], ["0", false]]);

class Refused extends Error {}

/**
 * The exact value of a text, such that two texts mean the same where their values are equal; undefined for one
 * that is as absent. Throws for what the origin would refuse.
 */
export function parse(option, text) {
  if (text === "") return undefined;
  try {
    return KINDS[option.kind](option, text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    throw new RangeError(`option ${option.name}: expected ${option.expected}, got ${quote(text)}`);
  }
}

/** A value of a program as the text of a URL: 2.0 is `2`, never `1e-7`; a list has commas. */
export function spell(value) {
  if (Array.isArray(value)) return value.map(spell).join(",");
  if (typeof value === "number") return plain(value);
  if (["string", "boolean", "bigint"].includes(typeof value)) return String(value);
  throw new TypeError(`expected a text, a number, true or false, or a list of them, got ${typeof value}`);
}

/** A value as an error may repeat it: cut, and without what looks like a secret. */
export function quote(text) {
  return `'${String(text).replace(/[A-Za-z0-9_.-]{30,}/g, "[hidden]").slice(0, 40)}'`;
}

const KINDS = {
  pixels(_, text) {
    const value = number(text);
    if (value > 0 && value < 1) throw new Refused(); // it may round to 0, which asks for the original's size
    return value || undefined;
  },
  number(option, text) {
    const value = number(text);
    if (option.whole && text.includes(".")) throw new Refused();
    if (!option.clamped && (value < option.min || value > option.max)) throw new Refused();
    return value;
  },
  numberOr(option, text) {
    return lower(text) === option.word ? option.word : KINDS.number(option, text);
  },
  degrees(_, text) {
    const value = text.startsWith("-") ? -number(text.slice(1)) : number(text);
    if (Math.abs(value) > 360) throw new Refused();
    return value || 0;
  },
  flag(_, text) {
    return look(FLAGS, lower(text));
  },
  choice(option, text) {
    return look(new Map(Object.entries(option.names)), lower(text));
  },
  position(option, text) {
    const name = lower(text);
    if (option.found.includes(name)) return name;
    if (Object.hasOwn(option.names, name)) return option.names[name];
    const point = numbers(text, [2]);
    if (Math.max(...point) > 1) throw new Refused();
    return point.join();
  },
  rectangle(_, text) {
    const sides = numbers(text, [4]);
    if (!sides[2] || !sides[3]) throw new Refused();
    return sides.join();
  },
  padding(_, text) {
    const [top, right = top, bottom = top, left = right] = numbers(text, [1, 2, 3, 4]);
    return [top, right, bottom, left].join();
  },
  aspect(_, text) {
    const terms = text.split(":").map(number);
    if (terms.length > 2 || terms.includes(0)) throw new Refused();
    return terms.length === 2 ? terms[0] / terms[1] : terms[0];
  },
  colour(_, text) {
    const name = lower(text);
    if (Object.hasOwn(COLOURS, name)) return COLOURS[name];
    if (!/^#?(?:[0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})$/.test(name)) throw new Refused();
    const digits = name.replace("#", "");
    return digits.length === 3 ? digits.replace(/./g, "$&$&") : digits.replace(/^(.{6})ff$/, "$1");
  },
  names(option, text) {
    if (!NAMES.test(text) || text.split(",").length > option.most) throw new Refused();
    return text;
  },
  fileName(option, text) {
    if (UNPRINTABLE.test(text.replaceAll(" ", "")) || [...text].length > option.most) throw new Refused();
    return text;
  },
};

function number(text) {
  if (!NUMBER.test(text)) throw new Refused();
  return Number(text);
}

function numbers(text, counts) {
  const all = text.split(",").map(number);
  if (!counts.includes(all.length)) throw new Refused();
  return all;
}

function look(meanings, name) {
  if (!meanings.has(name)) throw new Refused();
  return meanings.get(name);
}

/** As the origin lowers a text: ASCII alone. */
function lower(text) {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function plain(value) {
  const [digits, exponent] = String(value).split("e");
  if (exponent === undefined) return digits;
  const [, sign, whole, fraction = ""] = /^(-?)(\d)(?:\.(\d+))?$/.exec(digits);
  const point = 1 + Number(exponent);
  const all = whole + fraction;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${all}`;
  return `${sign}${all.padEnd(point, "0")}`; // JavaScript writes an exponent from 1e21 on, which has no fraction
}
