// A browser and pages for the tests of the console. What a page says on its console as an error, or throws, fails the
// test that opened it; so does what the policy of the page blocks.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const modules = createRequire(path.join(process.env.LATENTD_BROWSER_MODULES, "from.js"));
const { chromium } = modules("playwright-core");

export const URL_ = process.env.LATENTD_URL;
export const LOCKED = process.env.LATENTD_LOCKED_URL;
export const pictureFile = (name) => path.join(process.env.LATENTD_PICTURES, name);
export const axeSource = () => modules("axe-core").source;

let browser;
export async function launch() {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  return browser;
}
export async function quit() {
  await browser?.close();
  browser = undefined;
}

// Runs `work(page)` on a page of its own at `hash`. expected: patterns of console errors that belong to the test (a
// refused request is one, to Chromium).
export async function visit(
  hash,
  work,
  { url = URL_, width = 1280, height = 860, scheme = "light", expected = [], first = "h1", ...context } = {},
) {
  const kept = await (
    await launch()
  ).newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", ...context });
  const page = await kept.newPage(),
    wrong = [];
  page.setDefaultTimeout(15000);
  page.on("pageerror", (error) => wrong.push(error.stack));
  page.on("console", (message) => {
    if (message.type() === "error" && !expected.some((pattern) => pattern.test(message.text())))
      wrong.push(message.text());
  });
  page.on("request", (request) => {
    const asked = request.url();
    if (!asked.startsWith(url) && !/^(blob|data):/.test(asked)) wrong.push("asked elsewhere: " + asked);
  });
  try {
    await page.goto(url + "/" + hash);
    await page.locator(first).waitFor();
    await work(page);
    assert.deepEqual(wrong, []);
  } finally {
    await kept.close();
  }
}

export async function shot(page, name) {
  await page.screenshot({ path: path.join(process.env.LATENTD_SHOTS, name + ".png") });
}

// Asking the server behind the page's back.
export async function api(method, where, body, url = URL_) {
  const reply = await fetch(url + where, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  return { status: reply.status, body: await reply.json().catch(() => null) };
}

export const REFUSED = /status of 4\d\d/;
