// Answers many calls at once, for a test that compares this client with the one in Python: a list of
// [settings, method, ...arguments] on the standard input, a list of {value} or {error} on the standard output.

import { readFileSync } from "node:fs";
import { ImageOrigin } from "../src/index.js";

const answers = [];
for (const [settings, method, ...args] of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    answers.push({ value: await new ImageOrigin(settings)[method](...args) });
  } catch (error) {
    answers.push({ error: error.message });
  }
}
process.stdout.write(JSON.stringify(answers));
