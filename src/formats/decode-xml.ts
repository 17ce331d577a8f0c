/** The bytes of an XML file as text that an XML parser accepts, in whatever encoding it was written. */
import { ReportDamage } from "./report-item.js";
import { allowedXml } from "./xml-text.js";

/**
 * The text in pieces of up to 64 Ki characters. The encoding is that of the byte order mark, else of the XML
 * declaration, else UTF-8; bytes that it does not know, and characters that XML does not allow, become U+FFFD.
 * Throws ReportDamage for an encoding that is not known.
 */
export async function* decodeXml(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let head: Uint8Array | undefined = new Uint8Array();
  let decoder: Decoder | undefined;
  for await (const chunk of bytes) {
    if (decoder !== undefined) {
      yield* pieces(decoder.decode(chunk, { stream: true }));
      continue;
    }
    head = Buffer.concat([head ?? new Uint8Array(), chunk]);
    if (head.length < SNIFFED_BYTES) continue;
    decoder = createDecoder(head);
    yield* pieces(decoder.decode(head, { stream: true }));
    head = undefined;
  }
  decoder ??= createDecoder(head ?? new Uint8Array());
  yield* pieces(decoder.decode(head));
}

function* pieces(text: string): Generator<string> {
  // A decoder makes no lone surrogates.
  const allowed = allowedXml(text);
  for (let at = 0; at < allowed.length; at += PIECE_CHARACTERS) {
    yield allowed.slice(at, at + PIECE_CHARACTERS);
  }
}

function createDecoder(head: Uint8Array): Decoder {
  const label = sniffEncoding(head);
  try {
    const decoder = new TextDecoder(label);
    return decoder.encoding === "windows-1252" ? windows1252(decoder) : decoder;
  } catch {
    throw new ReportDamage(1, 0, `the encoding ${JSON.stringify(label)} is not known`);
  }
}

function sniffEncoding(head: Uint8Array): string {
  const [a, b, c] = head;
  if ((a === 0xff && b === 0xfe) || (a === 0x3c && b === 0)) return "utf-16le";
  if ((a === 0xfe && b === 0xff) || (a === 0 && b === 0x3c)) return "utf-16be";
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  const declaration = Buffer.from(head.subarray(0, SNIFFED_BYTES)).toString("latin1");
  const label = /^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"']*)/.exec(declaration)?.[1];
  // A declaration of UTF-16 that can be read byte by byte is wrong: the file was converted after it.
  return label === undefined || /^(utf-?16|ucs-?2|iso-10646)/i.test(label) ? "utf-8" : label;
}

/**
 * Node 20 reads windows-1252, which is also what ISO-8859-1 means on the web, as the Latin-1 of Unicode: what is
 * euro signs and quotation marks would be control characters.
 */
function windows1252(decoder: Decoder): Decoder {
  return {
    decode: (bytes, options) =>
      decoder
        .decode(bytes, options)
        .replace(C1_CONTROLS, (control) => WINDOWS_1252[control.charCodeAt(0) - 0x80] ?? control),
  };
}

type Decoder = Pick<InstanceType<typeof TextDecoder>, "decode">;

const C1_CONTROLS = /[\u0080-\u009f]/g;
/** From 0x80 on; five are not in use (https://encoding.spec.whatwg.org/index-windows-1252.txt). */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";
const SNIFFED_BYTES = 1024;
const PIECE_CHARACTERS = 64 * 1024;
