/** JSON for people to read. */

/**
 * The JSON text with a line for each member, two blanks deeper with each level. Numbers and strings stay as they were written,
 * so no digit is lost. Text that is no JSON comes back as it is.
 */
export function indentJson(text: string): string {
  if (!isJson(text)) return text;
  const tokens = text.match(TOKENS) ?? [];
  let out = "";
  let depth = 0;
  const breakLine = () => {
    out += `\n${"  ".repeat(depth)}`;
  };
  for (const [at, token] of tokens.entries()) {
    const isEmpty = OPENING.has(tokens[at - 1] ?? "");
    if (CLOSING.has(token)) {
      depth--;
      if (!isEmpty) breakLine();
    } else if (isEmpty) {
      breakLine();
    }
    out += token === ":" ? ": " : token;
    if (OPENING.has(token)) depth++;
    if (token === ",") breakLine();
  }
  return out;
}

/** The bytes as text; what is no UTF-8 shows as U+FFFD. */
export function bytesText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const OPENING = new Set(["{", "["]);
const CLOSING = new Set(["}", "]"]);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
