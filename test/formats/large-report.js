/**
 * Reads a report of so many megabytes that is made while it is read, as a program of its own, so that its memory is
 * that of the reader: large-report.js FORMAT MEGABYTES. Prints the results and the largest resident size.
 */
import { readFileSync } from "node:fs";

const { parseReport } = await import(
  new URL("../../dist/src/formats/parse-report.js", import.meta.url).href
);
const [, , format, megabytes] = process.argv;
const isJunit = format === "junit";

let count = 0;
for await (const { kind } of parseReport(isJunit ? "junit" : "ctrf", report(Number(megabytes)))) {
  if (kind === "result") count++;
}
console.log(JSON.stringify({ count, maxRssMiB: maxRssMiB() }));

/** Of this program alone: where Linux tells it, resourceUsage answers no less than what the parent had. */
function maxRssMiB() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS / 1024;
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kib) / 1024;
}

/** @param {number} megabytes */
async function* report(megabytes) {
  yield Buffer.from(isJunit ? '<testsuites><testsuite name="large">' : '{"results":{"tests":[');
  let index = 0;
  for (let sent = 0; sent < megabytes * 1e6; ) {
    let text = "";
    while (text.length < 65_536) text += isJunit ? junitCase(index++) : ctrfTest(index++);
    sent += text.length;
    yield Buffer.from(text);
  }
  yield Buffer.from(isJunit ? "</testsuite></testsuites>" : "{}]}}");
}

/** @param {number} index */
function junitCase(index) {
  const trace = "\tat com.example.shop.Cart.add(Cart.java:10)\n".repeat(12);
  const failure = `<failure message="expected ${index}" type="E"><![CDATA[${trace}]]></failure>`;
  const output = `<system-out>${"some output &lt;ok&gt;\n".repeat(10)}</system-out>`;
  return `<testcase classname="com.example.Cart${index >> 8}Test" name="adds item ${index}" time="0.1">
${index % 20 === 0 ? failure : ""}${index % 5 === 0 ? output : ""}</testcase>\n`;
}

/** @param {number} index */
function ctrfTest(index) {
  const trace = "at Cart.add (cart.js:10)\n".repeat(12);
  const test = { name: `adds item ${index}`, suite: [`Cart ${index >> 8}`], duration: 1 };
  const failure = { status: "failed", message: `expected ${index}`, trace };
  return `${JSON.stringify({ ...test, ...(index % 20 === 0 ? failure : { status: "passed" }) })},\n`;
}
