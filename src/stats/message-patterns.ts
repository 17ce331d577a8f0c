/**
 * What varies in messages of failures, as regular expressions for the flags u and y, each for the mask that takes its
 * place. None looks at what stands before it, and none looks further than some hundred characters ahead unless it
 * takes what it has seen: so masking stays linear.
 */

/** No letter or numeral follows: all of it has been seen. */
const END = String.raw`(?![\p{sc=Latin}\d])`;

const MONTH =
  "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";
const WEEKDAY = "(?:(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )?";
const ZONE = String.raw`(?: ?(?:Z|(?:UTC|GMT)?[+-]\d\d:?\d\d|UTC|GMT|CES?T|BST|IST|JST|[PMCE][SD]T))?`;
const CLOCK = String.raw`\d\d?:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?[AP]M)?${ZONE}`;

/** Dates with or without a time, and times to the second or with AM or PM; 1:30 alone may be anything. */
const TIME = [
  String.raw`(?:19|2[01])\d\d[-/]\d\d?[-/]\d\d?(?:[T ]${CLOCK})?`,
  String.raw`(?:19|2[01])\d{6}T\d{6}Z?`,
  // Common log format.
  String.raw`\d\d?/${MONTH}/\d{4}(?::${CLOCK})?`,
  // C and JavaScript, which explains its zone.
  String.raw`${WEEKDAY}${MONTH} \d\d?(?:,? \d{4})?,? ${CLOCK}(?: \d{4}| \([\p{sc=Latin} ]{1,60}\))?`,
  String.raw`${WEEKDAY}${MONTH} \d\d?,? \d{4}`,
  // Mail and HTTP.
  String.raw`${WEEKDAY}\d\d?[ -]${MONTH}[ -]\d{2,4}(?:,? ${CLOCK})?`,
  String.raw`\d\d?(?:/\d\d?/|\.\d\d?\.)\d{4}(?:,? ${CLOCK})?`,
  String.raw`\d\d?:\d\d(?::\d\d(?:[.,]\d{1,9})?(?: ?[AP]M)?| ?[AP]M)${ZONE}`,
].map((time) => `${time}${END}`);

const UUID = String.raw`[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}${END}`;

/** Ends what an address or a path goes on with. */
const DELIMITERS = "\\s\"'`<>()[\\]{}|\\\\";
const URL_END = `(?:/[^${DELIMITERS}]*)?`;
/** `:42` after a name is a line of a file if the name ends so, else a port of a host. */
const EXTENSION =
  "(?:[cm]?[jt]sx?|vue|py|rb|php|go|rs|java|kts?|scala|groovy|cljs?|cc?|cpp|cxx|hh?|hpp|mm?|swift|cs|fs|vb|dart|exs?|erl|hs|lua|p[lm]|sh|sql|feature|robot|html|json|ya?ml|xml)";

const ADDRESS = [
  String.raw`\p{sc=Latin}[\w+.-]{0,30}://[^${DELIMITERS}]*[^${DELIMITERS}.,;:!?]`,
  String.raw`[\w.%+-]{1,64}@[\p{sc=Latin}\d-]{1,63}(?:\.[\p{sc=Latin}\d-]{1,63})+`,
  String.raw`\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?!\.?[\p{sc=Latin}\d])${URL_END}`,
  String.raw`(?:localhost|[a-z\d][a-z\d-]{0,62}(?:\.[a-z\d-]{1,63}){0,8}\.(?!${EXTENSION}:)[a-z][a-z\d-]{0,62}):\d{1,5}${END}${URL_END}`,
  // IPv6 in full, or with ::, and a numeral to tell it from names of C++ and Rust. What may follow :: may be masked.
  String.raw`\[?(?:(?:[\da-fA-F]{1,4}:){7}[\da-fA-F]{1,4}|(?=[a-fA-F:]{0,45}\d)(?:[\da-fA-F]{1,4}(?::[\da-fA-F]{1,4}){0,6})?::(?:[\da-fA-F]{1,4}(?::[\da-fA-F]{1,5}){0,7})?)(?:%\w{1,15})?(?:\](?::\d{1,5})?)?(?!:?[\p{sc=Latin}\d<])`,
];

const IN_PATH = `[^${DELIMITERS}/:;,!?*&=]`;
const SEGMENT = `${IN_PATH}{1,255}`;
const LINE = String.raw`(?::\d+){0,2}`;
/** `/a`, `~/a`, `../a`: after a word, a slash is something else. */
const ROOTED_PATH = String.raw`(?:~|\.{1,2})?(?:/${SEGMENT})+/?${LINE}`;
const NAME = String.raw`[\p{sc=Latin}_@.]${IN_PATH}{0,254}`;
const AFTER_NAME = [
  `(?:/${SEGMENT}){2,}/?`,
  // One slash alone, without an extension, is and/or.
  String.raw`/${IN_PATH}{0,246}\.\p{sc=Latin}\w{0,7}(?!${IN_PATH})`,
  String.raw`(?:\\{1,2}${SEGMENT}){0,20}\\{1,2}${IN_PATH}{0,246}\.${EXTENSION}(?!${IN_PATH})`,
  String.raw`\.${EXTENSION}(?=:\d)`,
];
const PATH = [
  String.raw`\p{sc=Latin}:(?:[\\/]{1,2}${SEGMENT})+${LINE}`,
  String.raw`\\\\${SEGMENT}(?:\\${SEGMENT})+${LINE}`,
  `${NAME}(?:${AFTER_NAME.join("|")})${LINE}`,
];

const HEX = [
  String.raw`0[xX][\da-fA-F]+${END}`,
  String.raw`(?=[a-fA-F]*\d)(?=\d*[a-fA-F])[\da-fA-F]{8,}${END}`,
];
/** How Java prints an object. */
const OBJECT_HASH = String.raw`@(?=[a-fA-F]*\d)[\da-fA-F]{4,16}${END}`;

const NUMBER = String.raw`(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)*(?:[eE][+-]?\d+)?`;

/** A mask and what it takes the place of. */
export interface Masked {
  readonly mask: string;
  readonly patterns: readonly string[];
}

/** In the order in which they are tried where a word or mask stands right before. */
export const AFTER_WORD: readonly Masked[] = [
  { mask: "<time>", patterns: TIME },
  { mask: "<uuid>", patterns: [UUID] },
  { mask: "<address>", patterns: ADDRESS },
  { mask: "<path>", patterns: PATH },
  { mask: "@<hex>", patterns: [OBJECT_HASH] },
  { mask: "<hex>", patterns: HEX },
  { mask: "<n>", patterns: [NUMBER] },
];
/** Elsewhere a slash begins a path, and a sign belongs to its number. */
export const ANYWHERE: readonly Masked[] = [
  ...AFTER_WORD.slice(0, 3),
  { mask: "<path>", patterns: [ROOTED_PATH] },
  ...AFTER_WORD.slice(3),
  { mask: "<n>", patterns: [`[+-]${NUMBER}`] },
];
