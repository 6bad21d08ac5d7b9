import assert from "node:assert/strict";
import { after, test } from "node:test";
import { quit, shot, visit } from "./support.mjs";

after(quit);
const ready = (page) => page.locator(".mapbox canvas").waitFor();

test("the map shows the codes, coloured by a field, and says what its axes hold", () =>
  visit("#/map?collection=emoji", async (page) => {
    await ready(page);
    assert.match(await page.locator(".status").textContent(), /3,000 of 3,786 items.*\d %.* of 64 numbers/);
    assert.equal(await page.getByLabel("Colour by").inputValue(), "category");
    const legend = page.getByRole("group", { name: /Legend/ }).getByRole("button");
    assert.ok((await legend.count()) >= 5);
    const painted = () =>
      page.evaluate(() => {
        const canvas = document.querySelector(".mapbox canvas"),
          data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let n = 0;
        for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
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
