import { Link, useLocation, useSearchParams } from "wouter";
import { formatCount } from "../format/numbers.js";
import "../styles/tabs.css";

/** A part of a page that is shown alone. */
export interface Tab {
  /** In the address. */
  readonly value: string;
  readonly text: string;
  readonly count?: bigint | number | undefined;
  /** Its count stands out when it is not zero. */
  readonly isBad?: boolean;
}

/** Links to the parts of a page; which one is shown is parameter `name` of the address. */
export function Tabs({
  label,
  name,
  tabs,
  chosen,
}: {
  readonly label: string;
  readonly name: string;
  readonly tabs: readonly Tab[];
  readonly chosen: string;
}) {
  const [location] = useLocation();
  const [params] = useSearchParams();
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map(({ value, text, count, isBad }) => {
        const target = new URLSearchParams(params);
        target.set(name, value);
        return (
          <Link
            key={value}
            href={`${location}?${target}`}
            replace
            className="tab"
            aria-current={value === chosen ? "true" : undefined}
          >
            {text}
            {count !== undefined && (
              <span className={isBad && BigInt(count) > 0n ? "tab-count tab-bad" : "tab-count"}>
                {formatCount(count)}
              </span>
            )}
          </Link>
        );
      })}
    </nav>
  );
}
