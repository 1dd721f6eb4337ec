// Tags as text.

const NAME = /^[A-Za-z_:@][A-Za-z0-9_.:@-]*$/;
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

/** The start tag. null, undefined and false leave an attribute out; true is one without a value. */
export function writeTag(name, attributes) {
  let text = `<${name}`;
  for (const [attribute, value] of Object.entries(attributes)) {
    if (!NAME.test(attribute)) throw new RangeError(`${JSON.stringify(attribute)} is not the name of an attribute`);
    if (value === true) text += ` ${attribute}`;
    else if (value !== null && value !== undefined && value !== false) {
      text += ` ${attribute}="${String(value).replace(/[&<>"']/g, (one) => ESCAPES[one])}"`;
    }
  }
  return `${text}>`;
}
