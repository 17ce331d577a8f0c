/** Texts as XML 1.0 writes them. */

/** As the content of an element; characters that XML does not know become U+FFFD. */
export function xmlText(text: string): string {
  return allowedXml(text.toWellFormed()).replace(/[&<>\r]/g, reference);
}

/** ` name="value"`, exact also for line ends and tabs; empty for no value. */
export function xmlAttribute(name: string, value: string): string {
  if (value === "") return "";
  const escaped = allowedXml(value.toWellFormed()).replace(/[&<>"\t\n\r]/g, reference);
  return ` ${name}="${escaped}"`;
}

/** Whether XML can hold every character of the text. */
export function fitsXml(text: string): boolean {
  return text.isWellFormed() && allowedXml(text) === text;
}

/** Well-formed text with U+FFFD for every character that XML does not allow. */
export function allowedXml(text: string): string {
  return text.replace(DISALLOWED, "\ufffd");
}

function reference(char: string): string {
  return NAMED.get(char) ?? `&#${char.charCodeAt(0)};`;
}

const NAMED = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
]);

/** What the grammar leaves out (https://www.w3.org/TR/xml/#charsets). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const DISALLOWED = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
