import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { formatTime, millisOf } from "../format/times.js";
import { Ago } from "./texts.js";

/** The whole time and how long ago it was; a dash for none. */
export function When({ time }: { readonly time: Timestamp | undefined }) {
  const ms = millisOf(time);
  if (ms === undefined) return <span className="soft">–</span>;
  return (
    <span className="number">
      {formatTime(ms)}{" "}
      <span className="soft small">
        <Ago time={time} />
      </span>
    </span>
  );
}
