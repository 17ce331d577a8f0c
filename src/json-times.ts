/**
 * Times that protobuf's binary form carries and its JSON has no text for: years after 9999, more nanoseconds than a second
 * has, mixed signs. Refused items may have them: one in a list would leave no JSON of the whole list.
 */
import { clone, type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/** The message, or a copy of it without such times. */
export function withoutUnsayableTimes<D extends DescMessage>(
  desc: D,
  message: MessageShape<D>,
): MessageShape<D> {
  if (isSayable(reflect(desc, message))) return message;
  const copy = clone(desc, message);
  clearTimes(reflect(desc, copy));
  return copy;
}

function isSayable({ desc, message }: ReflectMessage): boolean {
  try {
    toJson(desc, message);
    return true;
  } catch {
    return false;
  }
}

const TIMES = new Set(["google.protobuf.Timestamp", "google.protobuf.Duration"]);

function clearTimes(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (field.fieldKind === "message" && message.isSet(field)) {
      const value = message.get(field);
      if (!TIMES.has(value.desc.typeName)) clearTimes(value);
      else if (!isSayable(value)) message.clear(field);
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const item of message.get(field)) clearTimes(item as ReflectMessage);
    }
  }
}
