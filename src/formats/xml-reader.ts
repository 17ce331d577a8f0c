/** XML as events, in bounded memory whatever the file contains. */
import { SaxesParser } from "saxes";
import { append, emptyText, KEPT_CHARACTERS, type KeptText } from "./kept-text.js";
import { ReportDamage } from "./report-item.js";

export interface XmlHandler {
  /** `name` without its prefix. */
  open(name: string, attributes: XmlAttributes, line: number): void;
  /** Text or CDATA inside the innermost open element. */
  text(text: KeptText): void;
  close(name: string, line: number): void;
  warn(line: number, message: string): void;
}

export type XmlAttributes = ReadonlyMap<string, KeptText>;

export interface XmlReader {
  write(piece: string): void;
  end(): void;
  /** The line that has been reached. */
  readonly line: number;
}

/**
 * Reads pieces of up to 64 Ki characters. Throws ReportDamage where the file is not well-formed, but for slips
 * that leave no doubt about the meaning: those are warnings. Entities of a document type are never expanded.
 */
export function createXmlReader(handler: XmlHandler): XmlReader {
  const parser = new SaxesParser({ defaultXMLVersion: "1.0", forceXMLVersion: true });
  let started = false;
  let depth = 0;
  let attributes = new Map<string, KeptText>();
  let attributeCount = 0;
  let held = emptyText();
  let charactersSinceEvent = 0;

  /** The text of an event, together with what was taken from the parser before. */
  const whole = (text: string): KeptText => {
    const kept = held;
    held = emptyText();
    charactersSinceEvent = 0;
    append(kept, text, Buffer.byteLength(text));
    return kept;
  };
  const damage = (reason: string): never => {
    throw new ReportDamage(parser.line, parser.column + 1, reason);
  };
  const discard = (text: string) => void whole(text);

  parser.on("text", (text) => handler.text(whole(text)));
  parser.on("cdata", (text) => handler.text(whole(text)));
  parser.on("comment", discard);
  parser.on("doctype", discard);
  parser.on("processinginstruction", ({ body }) => discard(body));
  parser.on("attribute", (attribute) => {
    if (++attributeCount > MAX_ATTRIBUTES)
      damage(`a tag has more than ${MAX_ATTRIBUTES} attributes`);
    const value = whole(attribute.value);
    if (!attributes.has(attribute.name)) attributes.set(attribute.name, value);
  });
  parser.on("opentag", (tag) => {
    if (++depth > MAX_DEPTH) damage(`elements are nested more than ${MAX_DEPTH} deep`);
    const given = attributes;
    attributes = new Map();
    attributeCount = 0;
    charactersSinceEvent = 0;
    handler.open(localName(tag.name), given, parser.line);
  });
  parser.on("closetag", (tag) => {
    depth--;
    charactersSinceEvent = 0;
    handler.close(localName(tag.name), parser.line);
  });
  parser.on("error", (error) => {
    const reason = error.message.replace(/^(?:\d+:\d+: )?/, "").replace(/\.$/, "");
    if (TOLERATED.test(reason)) handler.warn(parser.line, reason);
    else damage(reason.replace(/^unclosed tag: (.*)/, "the file ends inside <$1>"));
  });

  return {
    get line() {
      return parser.line;
    },
    write(piece) {
      let rest = piece;
      if (!started) {
        // Blank lines before the XML declaration are common, and an error to the parser.
        rest = piece.trimStart();
        parser.line += piece.slice(0, piece.length - rest.length).split("\n").length - 1;
        started = rest !== "";
      }
      charactersSinceEvent += rest.length;
      parser.write(rest);
      // The parser gathers the text of a node, however long, until the node ends; its field is the only
      // place to bound it. The version is pinned, and a test with a large node fails if the field moves.
      const pending: unknown = Reflect.get(parser, "text");
      if (typeof pending === "string" && pending.length > KEPT_CHARACTERS) {
        append(held, pending, Buffer.byteLength(pending));
        Reflect.set(parser, "text", "");
        charactersSinceEvent = 0;
      }
      if (charactersSinceEvent > MAX_MARKUP_CHARACTERS) {
        damage(`no tag or text ends within ${MAX_MARKUP_CHARACTERS} characters`);
      }
    },
    end() {
      parser.close();
    },
  };
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** Far above what report writers nest. */
const MAX_DEPTH = 100;
const MAX_ATTRIBUTES = 256;
const MAX_MARKUP_CHARACTERS = 4 * 1024 * 1024;
/** The text stays as written: `&nbsp;`, `&#27;`, `]]>`; of two attributes of one name the first counts. */
const TOLERATED =
  /^(undefined entity|malformed character entity|empty entity name|disallowed character in entity name|duplicate attribute.*|the string "\]\]>" is disallowed in char data)$/;
