import type { PathViews } from "../../../../gen/tally/v1/event_service_pb.js";
import { formatCount } from "../../format/numbers.js";
import { Line } from "../../ui/texts.js";

/** Paths with their views, and bars to compare them by. */
export function PathList({ paths }: { readonly paths: readonly PathViews[] }) {
  if (paths.length === 0) return <p className="soft">No view has a path.</p>;
  const most = Number(paths[0]?.views ?? 1n);
  return (
    <ol className="card path-list">
      {paths.map(({ path, views }) => (
        <li key={path}>
          <span className="path-bar" style={{ width: `${(Number(views) / most) * 100}%` }} />
          <Line text={path} />
          <span className="number">{formatCount(views)}</span>
        </li>
      ))}
    </ol>
  );
}
