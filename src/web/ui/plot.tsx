/** The canvas of a chart. */
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import {
  countSteps,
  drawingOrder,
  durationSteps,
  markText,
  shownPoints,
  timeBounds,
  timeSteps,
  timeText,
} from "./chart-data.js";
import type { ChartProps } from "./chart-props.js";

/** Draws the series; colours follow the scheme of the page. Default, since it is loaded by itself. */
export default function Plot(props: ChartProps) {
  const { times, series, format, range, unit, stacked = false, of, height = 180 } = props;
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const draw = () => {
      const ink = getComputedStyle(element);
      const color = (token: string) => resolveColor(element, token);
      const axis = { stroke: color("--text-soft"), font: `11px ${ink.fontFamily}` };
      const grid = { stroke: color("--line"), width: 1 };
      const drawn = stacked ? drawingOrder(series) : series;
      return new uPlot(
        {
          width: element.clientWidth,
          height,
          legend: { show: false },
          ...(unit === undefined
            ? {}
            : { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") }),
          cursor: { y: false, points: { size: 6 } },
          scales: {
            x: { time: true, range: () => timeBounds({ times, series, unit }) },
            y: {
              range: (_plot, _min, max) =>
                range ? [range[0], range[1]] : [0, max > 0 ? max * 1.1 : 1],
            },
          },
          axes: [
            {
              ...axis,
              grid: { show: false },
              ticks: grid,
              size: 32,
              ...(unit === undefined ? {} : { incrs: timeSteps(unit) }),
              values: (_plot, at) => at.map((seconds) => markText(seconds * 1000, unit)),
            },
            {
              ...axis,
              grid,
              ticks: { show: false },
              size: 62,
              ...(of === undefined ? {} : { incrs: STEPS[of]() }),
              values: (_plot, at) => at.map(format),
            },
          ],
          series: [
            {},
            ...drawn.map(
              (each): uPlot.Series => ({
                label: each.label,
                stroke: color(each.color),
                width: each.kind === "bars" ? 0 : 2,
                spanGaps: true,
                ...(each.kind === "bars" ? { fill: color(each.color) } : {}),
                ...(each.kind === "bars" && uPlot.paths.bars
                  ? { paths: uPlot.paths.bars({ size: [0.7, 40] }) }
                  : {}),
                points: {
                  show: each.kind === "line",
                  size: 7,
                  fill: color(each.marked?.size ? "--warned" : each.color),
                  stroke: color(each.marked?.size ? "--warned" : each.color),
                  filter: () => shownPoints(each),
                },
                value: (_plot, value) => (value === null ? "–" : format(value)),
              }),
            ),
          ],
          hooks: { setCursor: [(plot) => tell(plot, { times, series, format, unit })] },
        },
        [times.map((ms) => ms / 1000), ...drawn.map(({ values }) => [...values])],
        element,
      );
    };
    let plot = draw();
    const redraw = () => {
      plot.destroy();
      plot = draw();
    };
    let width = element.clientWidth;
    const size = new ResizeObserver(() => {
      if (element.clientWidth === width) return;
      width = element.clientWidth;
      plot.setSize({ width, height });
    });
    size.observe(element);
    const theme = new MutationObserver(redraw);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", redraw);
    return () => {
      scheme.removeEventListener("change", redraw);
      theme.disconnect();
      size.disconnect();
      plot.destroy();
    };
  }, [times, series, format, range, unit, stacked, of, height]);
  return <div ref={place} className="plot" />;
}

const STEPS = { counts: countSteps, durations: durationSteps } as const;

/** A colour that a canvas takes: tokens may be `light-dark(…)`, which only a style resolves. */
function resolveColor(element: HTMLElement, token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${token})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Shows the values under the pointer above the plot. */
function tell(
  plot: uPlot,
  { times, series, format, unit }: Pick<ChartProps, "times" | "series" | "format" | "unit">,
): void {
  let box = plot.over.querySelector<HTMLElement>(".plot-values");
  if (box === null) {
    box = document.createElement("div");
    box.className = "plot-values";
    plot.over.append(box);
  }
  const index = plot.cursor.idx;
  const time = index === null || index === undefined ? undefined : times[index];
  box.hidden = time === undefined;
  if (time === undefined || index === null || index === undefined) return;
  const values = series.map(({ label, values: all }) => {
    const value = all[index];
    return `${label} ${value === null || value === undefined ? "–" : format(value)}`;
  });
  box.textContent = [timeText(time, unit), ...values].join(" · ");
}
