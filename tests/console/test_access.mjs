import assert from "node:assert/strict";
import { after, test } from "node:test";
import { axeSource, LOCKED, quit, REFUSED, shot, visit } from "./support.mjs";

after(quit);
const views = [
  "search?collection=emoji&id=1f600.png",
  "map?collection=emoji",
  "models?model=emoji@1",
  "training?new=1",
  "tables",
  "anomalies",
  "recommend?collection=emoji&user=animal-mammal-1",
  "generate?model=emoji@1",
  "operations",
];
const name = (view) => view.replace(/\?.*/, "");
const settled = async (page) => {
  await page.waitForFunction(() => !document.querySelector(".busy, [aria-busy=true]"));
  await page.waitForTimeout(700);
};

for (const scheme of ["light", "dark"])
  for (const view of [...views.map((v) => "#/" + v), "docs"])
    test(`nothing serious for axe: ${view}, ${scheme}`, () =>
      visit(
        view,
        async (page) => {
          await settled(page);
          await page.evaluate(axeSource());
          const found = await page.evaluate(() =>
            window.axe.run(document, {
              runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
            }),
          );
          const bad = found.violations
            .filter((v) => ["serious", "critical"].includes(v.impact))
            .map(
              (v) =>
                v.id +
                ": " +
                v.nodes
                  .slice(0, 3)
                  .map((n) => n.target.join(" ") + " " + (n.any[0]?.message || ""))
                  .join(" | "),
            );
          assert.deepEqual(bad, []);
          await shot(page, "axe-" + name(view.replace("#/", "")) + "-" + scheme);
        },
        { scheme, bypassCSP: true, expected: [REFUSED] },
      ));

for (const view of [...views.map((v) => "#/" + v), "docs"])
  test(`a phone needs no sideways scrolling: ${view}`, () =>
    visit(
      view,
      async (page) => {
        await settled(page);
        const over = await page.evaluate(() => ({
          by: document.documentElement.scrollWidth - innerWidth,
          who: [...document.querySelectorAll("main *")]
            .filter(
              (n) =>
                n.getBoundingClientRect().right > innerWidth + 1 &&
                !n.closest(".scroll, .cells, .code, .plot, .unseen"),
            )
            .slice(0, 3)
            .map((n) => n.tagName + "." + n.className),
        }));
        assert.ok(over.by <= 0, JSON.stringify(over));
        await shot(page, "phone-" + name(view.replace("#/", "")));
      },
      { width: 360, height: 740, hasTouch: true, isMobile: true, expected: [REFUSED] },
    ));

test("the menu of a phone unfolds, goes somewhere, and Escape folds it", () =>
  visit(
    "#/search?collection=emoji",
    async (page) => {
      const menu = page.getByRole("button", { name: "Menu" });
      await menu.click();
      assert.equal(await menu.getAttribute("aria-expanded"), "true");
      await page.keyboard.press("Escape");
      assert.equal(await menu.getAttribute("aria-expanded"), "false");
      await menu.click();
      await page.getByRole("link", { name: "Models" }).click();
      await page.getByRole("heading", { name: "Models", level: 1 }).waitFor();
      assert.equal(await menu.getAttribute("aria-expanded"), "false");
    },
    { width: 360, height: 740, hasTouch: true, isMobile: true },
  ));

test("every view is reached by its link, which then is the current one, and its heading has the focus", () =>
  visit(
    "#/search",
    async (page) => {
      for (const title of [
        "Map",
        "Models",
        "Training",
        "Tables",
        "Anomalies",
        "Recommendations",
        "Generation",
        "Operations",
        "Search",
      ]) {
        await page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: title }).click();
        await page.getByRole("heading", { name: title, level: 1 }).waitFor();
        await page.waitForFunction(() => document.activeElement?.tagName === "H1");
        assert.equal(await page.locator("nav a[aria-current=page]").textContent(), title);
        assert.equal(await page.title(), title + " · latentd");
      }
    },
    { expected: [REFUSED] },
  ));

test("the scheme is the system's until somebody chooses, and stays chosen", () =>
  visit(
    "#/search",
    async (page) => {
      const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      const dark = await ground();
      await page.getByRole("button", { name: "Switch to light colours" }).click();
      const light = await ground();
      assert.notEqual(light, dark);
      await page.reload();
      await page.locator("h1").waitFor();
      assert.equal(await ground(), light);
      await page.getByRole("button", { name: "Switch to dark colours" }).click();
      assert.equal(await ground(), dark);
      assert.equal(await page.evaluate(() => localStorage.length), 0);
    },
    { scheme: "dark" },
  ));

test("a server with keys asks for one, takes a good one, shows pictures, and forgets it with the tab", () =>
  visit(
    "#/search?collection=emoji",
    async (page) => {
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      await page.getByRole("textbox", { name: "API key" }).fill("wrong");
      await page.getByRole("button", { name: "Use this key" }).click();
      await page.getByText("the key is not known here").waitFor();
      await page.getByRole("textbox", { name: "API key" }).fill("look-only-0123456789");
      await page.keyboard.press("Enter");
      await page.locator("ul.grid .card").first().waitFor();
      await page.waitForFunction(() => document.querySelector("ul.grid img")?.naturalWidth > 0);
      assert.match(await page.locator("ul.grid img").first().getAttribute("src"), /^blob:/);
      assert.equal(await page.evaluate(() => localStorage.length), 0);

      await page.goto(LOCKED + "/#/training?new=1");
      await page.getByRole("button", { name: "Start training" }).click();
      await page.locator(".problem", { hasText: "This key may not do that" }).waitFor();
      await page.getByRole("button", { name: "API key is set: change it" }).click();
      await page.getByRole("textbox", { name: "API key" }).fill("all-of-it-0123456789");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "Start training" }).waitFor();
    },
    { url: LOCKED, expected: [REFUSED], first: "dialog" },
  ));

test("a sign-in that is called off leaves a message, not an empty page", () =>
  visit(
    "#/search?collection=emoji",
    async (page) => {
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.locator(".problem").waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("dialog").waitFor();
    },
    { url: LOCKED, expected: [REFUSED], first: "dialog" },
  ));
