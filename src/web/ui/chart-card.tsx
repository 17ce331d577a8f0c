import type { ReactNode } from "react";
import type { ChartSeries } from "./chart-props.js";
import "../styles/chart-card.css";

/** A chart with its title, and the colours of its series. */
export function ChartCard({
  title,
  legend = [],
  children,
}: {
  readonly title: string;
  readonly legend?: readonly Pick<ChartSeries, "label" | "color">[];
  readonly children: ReactNode;
}) {
  return (
    <section className="card chart-card">
      <header className="chart-card-head">
        <h3>{title}</h3>
        {legend.map(({ label, color }) => (
          <span key={label} className="legend soft small">
            <span className="legend-color" style={{ background: `var(${color})` }} /> {label}
          </span>
        ))}
      </header>
      {children}
    </section>
  );
}
