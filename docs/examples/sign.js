// Prints an exact token, or a grant:
//   ORIGIN_KEY=... node sign.js PREFIX KEY [NAME VALUE]...
//   ORIGIN_KEY=... node sign.js GRANT-AS-JSON
const { createHmac } = require("node:crypto");
if (process.argv.length > 3 && process.argv.length % 2) throw new Error("a name without a value");

const hmac = (key, text) => createHmac("sha256", key).update(text);
const sign = (salt, text) => hmac(hmac(process.env.ORIGIN_KEY, salt).digest(), text).digest("base64url");
const hex = (character) => "%" + character.charCodeAt(0).toString(16).toUpperCase();
const escape = (text) => encodeURIComponent(text).replace(/[!'()*]/g, hex);

function token(prefix, key, pairs) {
  // Sorted with a space between name and value: a space sorts before every character of a name, "=" does not.
  const query = pairs.map((pair) => pair.map(escape).join(" ")).sort().join("&").replaceAll(" ", "=");
  return sign("origin/v1", [prefix, key, query].join("\n"));
}

function grant(json) {
  const payload = Buffer.from(json).toString("base64url");
  return `${payload}.${sign("origin/v1/grant", payload)}`;
}

const [prefix, key, ...rest] = process.argv.slice(2);
const pairs = rest.flatMap((name, at) => (at % 2 ? [] : [[name, rest[at + 1]]]));
console.log(key === undefined ? grant(prefix) : token(prefix, key, pairs));
