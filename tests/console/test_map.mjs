import assert from "node:assert/strict";
import { after, test } from "node:test";
import { quit, shot, visit } from "./support.mjs";

after(quit);
const ready = (page) => page.locator(".mapbox canvas").waitFor();

test("the map shows the codes, coloured by a field, and says what its axes hold", () =>
  visit("#/map?collection=emoji", async (page) => {
    await ready(page);
    assert.match(await page.locator(".status").textContent(), /^3,786 items; .*\d %.* of 64 numbers/);
    assert.equal(await page.getByLabel("Colour by").inputValue(), "category");
    const legend = page.getByRole("group", { name: /Legend/ }).getByRole("button");
    assert.ok((await legend.count()) >= 5);
    const painted = () =>
      page.evaluate(() => {
        const canvas = document.querySelector(".mapbox canvas"),
          data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let n = 0;
        for (let i = 0; i < data.length; i += 4) n += data[i] !== data[0] || data[i + 1] !== data[1];
        return n;
      });
    await page.waitForTimeout(200);
    const all = await painted();
    assert.ok(all > 5000, String(all));
    await legend.first().click();
    await page.waitForTimeout(200);
    assert.ok((await painted()) < all);
  }));

test("the arrows go from item to item, Escape lets go, Enter searches from it", () =>
  visit("#/map?collection=emoji", async (page) => {
    await ready(page);
    const card = page.locator(".mapcard");
    await page.locator(".mapbox canvas").focus();
    await page.keyboard.press("ArrowRight");
    await card.waitFor();
    const first = await card.getAttribute("data-of");
    await page.keyboard.press("ArrowRight");
    assert.notEqual(await card.getAttribute("data-of"), first);
    await page.waitForFunction(() => document.getElementById("live").textContent.length > 0);
    await page.keyboard.press("Escape");
    await card.waitFor({ state: "hidden" });
    await page.keyboard.press("ArrowUp");
    for (let i = 0; i < 8; i++) await page.keyboard.press("+");
    await page.waitForTimeout(400);
    await shot(page, "map");
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/search\?collection=emoji&id=/);
  }));

test("many points are drawn in pixels, each in its colour, and hidden ones are not", () =>
  visit("#/map?collection=emoji", async (page) => {
    await ready(page);
    const found = await page.evaluate(async () => {
      const { scatter } = await import("/console/scatter.js");
      const n = 50000,
        side = 250,
        xy = Float32Array.from({ length: 2 * n }, (_, i) => (i & 1 ? (i >> 1) % side : Math.floor((i >> 1) / side)));
      const box = document.createElement("div");
      box.style.cssText = "position:fixed;inset:0;width:600px;height:600px;z-index:99";
      document.body.append(box);
      let seen = 0;
      const plot = scatter({
        n,
        xy,
        path: null,
        label: "many",
        onfocus() {},
        onpick() {},
        onseen: (many) => {
          seen = many;
        },
        signal: new AbortController().signal,
      });
      plot.node.style.cssText = "width:600px;height:600px";
      box.append(plot.node);
      const frames = async () => {
        for (let i = 0; i < 4; i++) await new Promise(requestAnimationFrame);
      };
      const count = () => {
        const { data } = plot.node.getContext("2d").getImageData(0, 0, plot.node.width, plot.node.height);
        const tally = { red: 0, blue: 0 };
        for (let i = 0; i < data.length; i += 4) {
          if (data[i] > data[i + 2] + 60) tally.red++;
          if (data[i + 2] > data[i] + 60) tally.blue++;
        }
        return { ...tally, seen };
      };
      const look = {
        of: Uint8Array.from({ length: n }, (_, i) => (i < n / 2 ? 0 : 1)),
        colours: ["#d00000", "#0000d0"],
        hidden: new Set(),
      };
      plot.paint(look);
      await frames();
      const both = count();
      look.hidden.add(0);
      plot.paint(look);
      await frames();
      const one = count();
      plot.zoom(1e-9);
      plot.zoom(30, -4000, -4000);
      await frames();
      return { both, one, none: count() };
    });
    assert.equal(found.both.seen, 50000);
    assert.ok(found.both.red > 50000 && found.both.blue > 50000, JSON.stringify(found));
    assert.equal(found.one.seen, 25000);
    assert.ok(found.one.red === 0 && found.one.blue > 50000, JSON.stringify(found));
    assert.equal(found.none.seen, 0);
  }));

test("a view of nothing says so, and 0 shows all again", () =>
  visit("#/map?collection=emoji", async (page) => {
    await ready(page);
    const note = page.getByText("Nothing lies here");
    await page.locator(".mapbox canvas").focus();
    for (let i = 0; i < 30; i++) await page.keyboard.press("Shift+ArrowRight");
    await note.waitFor();
    await page.keyboard.press("0");
    await note.waitFor({ state: "hidden" });
  }));

test("the wheel zooms until points are pictures, the mouse tells what lies under it", () =>
  visit("#/map?collection=emoji", async (page) => {
    await ready(page);
    const box = await page.locator(".mapbox canvas").boundingBox();
    await page.mouse.move(box.x + box.width * 0.55, box.y + box.height * 0.5);
    const asked = page.waitForRequest(/items\/.*\/input/);
    for (let i = 0; i < 10; i++) await page.mouse.wheel(0, -300);
    await asked;
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByLabel("Components").selectOption("0,2");
    await ready(page);
  }));
