/** Makes tokens. */
import { base32 } from "../db/tenancy-ids.js";
import { formatToken, SECRET_BYTES, type TokenPrefix } from "./token.js";

/** A token as it is drawn: nothing of it is stored yet. */
export interface DrawnToken {
  readonly tokenId: string;
  /** What is hashed. */
  readonly secret: string;
  /** The whole credential. */
  readonly text: string;
}

/** 80 bits: with a hundred million tokens, one pair in 2^27 shares an id. */
const ID_LENGTH = 16;

/** A new token that nobody else has. */
export function drawToken(
  prefix: TokenPrefix,
  randomBytes: (size: number) => Uint8Array,
): DrawnToken {
  const tokenId = base32(randomBytes(ID_LENGTH));
  const secret = Buffer.from(randomBytes(SECRET_BYTES)).toString("hex");
  return { tokenId, secret, text: formatToken({ prefix, id: tokenId, secret }) };
}
