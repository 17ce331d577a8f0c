/** Reads messages of failures token by token, so that what varies in them can be masked. */
import { AFTER_WORD, ANYWHERE, type Masked } from "./message-patterns.js";

/**
 * The tokens of a text whose white space is single spaces, each as it is masked. A place is judged by what follows
 * and by the token before it, never by the characters before it, so that a mask in place of what it masks leaves
 * the judgement the same. What is unmasked is a word or a character, with the backslash that escapes it.
 */
export function* maskTokens(text: string): Generator<string> {
  /** The word or mask right before; "" after anything else. */
  let before = "";
  const unclosed = new Set<string>();
  for (let at = 0; at < text.length; ) {
    const end = opensQuote(text, at, before) ? endOfQuoted(text, at, unclosed) : undefined;
    if (end !== undefined) {
      yield VALUE;
      before = "";
      at = end;
    } else {
      const { expression, masks } = before === "" ? anywhere : afterWord;
      expression.lastIndex = at;
      const match = expression.exec(text) ?? [];
      const [taken = "", kept] = match;
      const mask = masks.find((_, i) => match[FIRST_MASK + i] !== undefined);
      yield mask ?? taken;
      // Behind < stands a tag, not a path or a sign.
      before = kept ?? mask ?? match[FIRST_MASK + masks.length] ?? (taken === "<" ? taken : "");
      at += taken.length;
    }
  }
}

/** A single quote within a word is an apostrophe; after a prefix of Python it is not. */
function opensQuote(text: string, at: number, before: string): boolean {
  const char = text[at];
  if (char === "'") return before === "" || PYTHON_PREFIX.test(before);
  return char === '"' || char === "`";
}

/** Where what is quoted from here on ends; undefined if it does not. Quotes that do not end are remembered. */
function endOfQuoted(text: string, start: number, unclosed: Set<string>): number | undefined {
  const quote = text.charAt(start);
  if (unclosed.has(quote)) return undefined;
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === quote && (quote !== "'" || !INSIDE_WORD.test(text.charAt(at + 1)))) {
      return at + 1;
    }
  }
  unclosed.add(quote);
  return undefined;
}

function tokenizer(masked: readonly Masked[]): { expression: RegExp; masks: readonly string[] } {
  const groups = masked.map(({ patterns }) => `(${patterns.join("|")})`);
  const source = [KEPT_MASK, PLAIN, ...groups, WORD, VALUE, ESCAPED, "[^]"].join("|");
  return { expression: new RegExp(source, "uy"), masks: masked.map(({ mask }) => mask) };
}

/** Quotes may follow each other, so that it is not told from a character. */
const VALUE = "<value>";
const KEPT_MASK = "(<(?:time|uuid|address|path|hex|n)>)";
/** Words and characters with which nothing else begins, many at once: nearly all of a message. Ends with no word. */
const PLAIN = "(?:[a-z]+(?=[ ,;!?)])|[ ,;!?(){}=|])+";
const FIRST_MASK = 2;
const WORD = String.raw`(\p{sc=Latin}[\p{sc=Latin}\d]*)`;
const ESCAPED = "\\\\[\"'`\\\\]";
const PYTHON_PREFIX = /^(?:[bfru]|rb|br)$/;
/** After one of these an apostrophe does not close; < may be that of a mask in place of a numeral. */
const INSIDE_WORD = /[\p{sc=Latin}\d<]/u;
const afterWord = tokenizer(AFTER_WORD);
const anywhere = tokenizer(ANYWHERE);
