/** Figures in words: rates, durations, times and tests, each short enough for a column. */
import { type Duration, type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import type { Test } from "../../gen/tally/v1/run_pb.js";
import type { DurationQuantiles, Rate } from "../../gen/tally/v1/stats_pb.js";
import type { RowFormat } from "./rows.js";

/** `97.5%`; `-` where nothing was counted. */
function rateText(rate: Rate | undefined): string {
  return rate === undefined || rate.denominator === 0n ? "-" : percent(rate.value);
}

/** `2.5% (1.2% to 5.1%)`, the interval of 95 %. */
export function intervalText(rate: Rate | undefined): string {
  if (rate === undefined || rate.denominator === 0n) return "-";
  return `${percent(rate.value)} (${percent(rate.lower)} to ${percent(rate.upper)})`;
}

/** `350us`, `12.5ms`, `3.21s`, `4m05s`, `2h03m`; `-` where there is none. */
export function durationText(duration: Duration | undefined): string {
  if (duration === undefined) return "-";
  const us = Number(duration.seconds) * 1e6 + Math.round(duration.nanos / 1000);
  if (us < 1_000) return `${us}us`;
  if (us < 1e6) return `${short(us / 1000)}ms`;
  if (us < 60e6) return `${short(us / 1e6)}s`;
  const seconds = Math.round(us / 1e6);
  const [large, small, units] =
    seconds < 3600
      ? [Math.floor(seconds / 60), seconds % 60, "ms"]
      : [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), "hm"];
  return `${large}${units[0]}${String(small).padStart(2, "0")}${units[1]}`;
}

/** How rows tell figures: for people, or for programs as shares of one and milliseconds. */
export function figureTexts(format: RowFormat): FigureTexts {
  return format === "table" ? { rate: rateText, duration: durationText } : PLAIN_TEXTS;
}

export interface FigureTexts {
  rate(rate: Rate | undefined): string;
  duration(duration: Duration | undefined): string;
}

/** `p50 12ms, p95 80ms, p99 1.2s`. */
export function quantilesText(quantiles: DurationQuantiles | undefined): string {
  if (quantiles === undefined || quantiles.count === 0n) return "-";
  const { p50, p95, p99 } = quantiles;
  return `p50 ${durationText(p50)}, p95 ${durationText(p95)}, p99 ${durationText(p99)}`;
}

/** ISO 8601; empty where there is none. */
export function timeText(time: Timestamp | undefined): string {
  return time === undefined ? "" : timestampDate(time).toISOString();
}

/** `file > suite > name [parameters] {browser=firefox}`, of what there is. */
export function testText(test: Test | undefined): string {
  if (test === undefined) return "";
  const { file, suite, name, parameters, variant } = test;
  const pairs = Object.entries(variant).map(([key, value]) => `${key}=${value}`);
  return [
    [file, suite, name].filter((part) => part !== "").join(" > "),
    ...(parameters === "" ? [] : [`[${parameters}]`]),
    ...(pairs.length === 0 ? [] : [`{${pairs.sort().join(", ")}}`]),
  ].join(" ");
}

const PLAIN_TEXTS: FigureTexts = {
  rate: (rate) => (rate === undefined || rate.denominator === 0n ? "" : String(rate.value)),
  duration: (duration) =>
    duration === undefined
      ? ""
      : String(Number(duration.seconds) * 1e3 + Math.round(duration.nanos / 1000) / 1e3),
};

const percent = (share: number) => `${short(share * 100)}%`;

/** Three digits where they say something. */
const short = (value: number) => String(Number(value.toPrecision(3)));
