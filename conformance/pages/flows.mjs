// What people do with the pages, done by a real browser. Each flow fails on an error of the console, a report of the content security
// policy, a request to another host, or an expectation that does not hold. axe-core looks at each kind of page.
//
// usage: node flows.mjs --open URL --closed URL --token TOKEN --file EXECUTABLE --export FILE.mcrit [--pictures FOLDER] [FLOW...]
// The open server has a corpus, the closed one asks for tokens (TOKEN is an admin's) and has the same.

import { chromium } from "playwright-core";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const options = {};
const wanted = [];
for (let at = 2; at < process.argv.length; at += 1) {
  if (process.argv[at].startsWith("--")) options[process.argv[at].slice(2)] = process.argv[at += 1];
  else wanted.push(process.argv[at]);
}
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

function check(condition, text) {
  if (!condition) throw new Error(text);
}
const text = (page, selector = "main") => page.locator(selector).first().innerText();

/** Waits for the job whose page is open, and opens its result. */
async function openResult(page) {
  await page.getByRole("link", { name: "Open the result" }).click({ timeout: 60_000 });
  await page.waitForLoadState("networkidle");
}

/** Compares a sample with everything and opens the result. */
async function result(page, sample = 1) {
  await page.goto(`${options.open}/ui/samples/${sample}`);
  await page.locator("form[action$='/match'] button.main").click();
  await openResult(page);
  check(/\/ui\/results\/[0-9a-f]{24}$/.test(page.url()), `no result at ${page.url()}`);
}

async function logIn(page, token, next = "/ui/") {
  await page.goto(`${options.closed}/ui/login?next=${encodeURIComponent(next)}`);
  await page.getByLabel("Token").fill(token);
  await page.locator("main").getByRole("button", { name: "Log in" }).click();
  await page.waitForLoadState();
}

async function makeToken(page, name, role) {
  await page.goto(`${options.closed}/ui/settings`);
  await page.locator("main").getByLabel("Name").fill(name);
  await page.getByLabel("Role").selectOption(role);
  await page.getByRole("button", { name: "Make a token" }).click();
  return (await page.locator(".note code").first().innerText()).trim();
}

const flows = {
  async "the start page shows what the corpus holds"({ page }) {
    await page.goto(`${options.open}/`, { waitUntil: "load" });
    check(page.url() === `${options.open}/ui/`, "a browser is sent to the pages");
    check(/[1-9]\d*\s+samples/.test(await text(page)), "no number of samples");
  },
  async "a dropped file is compared and nothing is stored"({ page }) {
    await page.goto(`${options.open}/ui/samples`);
    const before = await text(page, ".pager span");
    await page.goto(`${options.open}/ui/`);
    await page.setInputFiles("#file", options.file);
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL("**/ui/jobs/*", { timeout: 60_000 });
    await openResult(page);
    check((await text(page)).includes("own functions"), "no result of a query");
    check(await page.locator("#rows a[href^='/ui/diff']").count() === 0, "functions of a query are not stored");
    await page.goto(`${options.open}/ui/samples`);
    check(await text(page, ".pager span") === before, "the query stored a sample");
  },
  async "a file is stored as a sample"({ page }) {
    await page.goto(`${options.open}/ui/`);
    await page.setInputFiles("#file", options.file);
    await page.getByLabel("What to do").selectOption("submit");
    await page.getByLabel("Family, when stored").fill("flows");
    await page.getByRole("button", { name: "Start" }).click();
    await page.waitForURL(/\/ui\/(jobs|samples)\//, { timeout: 60_000 });
    if (page.url().includes("/jobs/")) await page.locator("[data-state]", { hasText: "finished" }).waitFor({ timeout: 60_000 });
    await page.goto(`${options.open}/ui/search?q=flows`);
    check(await page.locator("main a", { hasText: "flows" }).count() > 0, "the new family is not found");
  },
  async "a file is examined"({ page }) {
    await page.goto(`${options.open}/ui/triage`);
    await page.setInputFiles("#file", options.file);
    await page.getByRole("button", { name: "Examine", exact: true }).click();
    await page.waitForURL(/\/ui\/triage\/.+/, { timeout: 60_000 });
    check(/Verdict: \w+/.test(await text(page)), "no verdict");
    check((await text(page)).includes("SHA-256"), "no hashes");
  },
  async "a result says in one sentence what it means"({ page }) {
    await result(page);
    check((await text(page, "[data-sentence]")).length > 20, "no sentence");
    check(await page.locator("#map").isVisible(), "no map");
    check(await page.locator("#rows tbody tr").count() > 0, "no pairs");
  },
  async "filters stay in the address and change the rows"({ page }) {
    await result(page);
    const all = Number(await page.locator("#rows").getAttribute("data-total"));
    await page.getByLabel("Score from").fill("90");
    await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForLoadState("networkidle");
    check(page.url().includes("function_min_score=90"), "the filter is not in the address");
    const left = Number(await page.locator("#rows").getAttribute("data-total"));
    check(left < all, `the filter left ${left} of ${all}`);
    await page.getByRole("link", { name: "Clear" }).click();
    check(Number(await page.locator("#rows").getAttribute("data-total")) === all, "clearing brings not everything back");
  },
  async "a long list of pairs is scrolled to its end"({ page }) {
    await result(page, Number(options.large ?? 1));
    const total = Number(await page.locator("#rows").getAttribute("data-total"));
    check(total > 40, `only ${total} pairs`);
    await page.locator(".window").evaluate((box) => { box.scrollTop = box.scrollHeight; });
    await page.locator(`.window tr[aria-rowindex="${total + 1}"] td:nth-child(2)`).waitFor({ timeout: 10_000 });
    check(await page.locator(".window tbody tr").count() < 60, "all rows are in the page");
  },
  async "pairs are taken along as CSV, JSON and Markdown"({ page }) {
    await result(page);
    for (const name of ["CSV", "JSON", "Markdown"]) {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name, exact: true }).click()]);
      const content = readFileSync(await download.path(), "utf8");
      check(content.length > 50, `${name} is empty`);
    }
  },
  async "the map leads to a function"({ page }) {
    await result(page);
    const map = page.locator("#map");
    const box = await map.boundingBox();
    for (let share = 0.02; share < 1; share += 0.06) {
      await page.mouse.move(box.x + box.width * share, box.y + box.height - 5);
      if (/best score/.test(await text(page, "#map-status"))) {
        await page.mouse.click(box.x + box.width * share, box.y + box.height - 5);
        await page.waitForURL(/function_offset=0x/);
        check(await page.locator("#rows tbody tr").count() > 0, "the function has no pairs");
        return;
      }
    }
    throw new Error("no function under the pointer");
  },
  async "from the result to the instruction that proves it, and back"({ page }) {
    await result(page);
    const first = page.url();
    await page.locator("#rows").getByRole("link", { name: "Compare" }).first().click();
    check(await page.locator("table.listing tbody tr").count() > 2, "no lines beside each other");
    const second = page.url();
    await page.locator("main .panel a.mono").first().click();
    const third = page.url();
    check((await text(page)).includes("Listing"), "no listing");
    await page.locator(".crumbs a[href^='/ui/samples']").click();
    await page.locator(".crumbs a[href^='/ui/families']").click();
    check(page.url().includes("/ui/families/"), "no family");
    await page.goBack();
    await page.goBack();
    check(page.url() === third, "back does not lead to the function");
    await page.goBack();
    check(page.url() === second, "back does not lead to the comparison");
    await page.goBack();
    check(page.url() === first, "back does not lead to the result");
  },
  async "a function shows its graph"({ page }) {
    await page.goto(`${options.open}/ui/samples/${options.large ?? 1}`);
    const rows = await page.locator("#functions ~ .scroll tbody tr").evaluateAll((rows) =>
      rows.map((row) => [row.querySelector("a").href, Number(row.cells[2].textContent.replace(",", ""))]));
    const many = rows.find(([, blocks]) => blocks > 4);
    check(many, "no function with blocks");
    await page.goto(many[0]);
    await page.locator("#picture img").waitFor({ timeout: 10_000 });
    check(await page.locator("#picture img").evaluate((image) => image.naturalWidth > 50), "the graph is empty");
  },
  async "names, hashes and addresses are found"({ page }) {
    await page.goto(`${options.open}/ui/samples/1`);
    const hash = (await text(page, "dd.mono")).split(/\s/)[0];
    await page.keyboard.press("/");
    await page.keyboard.type(hash);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/ui/search**");
    check(await page.locator("main a[href='/ui/samples/1']").count() > 0, "a hash finds no sample");
    await page.goto(`${options.open}/ui/search?q=${encodeURIComponent("(((")}`);
    check(await page.locator("[role=alert]").count() === 1, "a broken query is not named");
  },
  async "samples are compared with each other"({ page }) {
    await page.goto(`${options.open}/ui/compare?samples=1,2,3,4`);
    await page.locator("main").getByRole("button", { name: "Compare" }).click();
    await openResult(page);
    check(await page.locator("table.matrix tbody tr").count() === 4, "the matrix has not four rows");
    check(await page.locator("tr.tree line").count() > 0, "no dendrogram");
    await page.locator("table.matrix tbody a[href^='/ui/pair']").first().click();
    await page.getByRole("button", { name: "Compare them" }).click();
    await openResult(page);
    check((await text(page)).includes("Two stored samples"), "no comparison of two");
  },
  async "unique blocks make a rule that is proven"({ page }) {
    await page.goto(`${options.open}/ui/families/1`);
    await page.getByRole("button", { name: "unique blocks" }).click();
    await openResult(page);
    check((await text(page, "#rule")).includes("condition:"), "no rule");
    await page.getByRole("button", { name: "Prove it" }).click();
    await page.locator("[data-state]", { hasText: "finished" }).waitFor({ timeout: 60_000 });
    check((await text(page, "pre")).includes("rules"), "no proof");
  },
  async "jobs are listed by their state"({ page }) {
    await page.goto(`${options.open}/ui/jobs`);
    check(await page.locator("tbody tr").count() > 0, "no jobs");
    await page.getByRole("link", { name: /^finished/ }).click();
    check(page.url().includes("state=finished"), "jobs are not filtered");
  },
  async "a corpus is exported and imported"({ page }) {
    await page.goto(`${options.closed}/ui/login`);
    await logIn(page, options.token, "/ui/exchange");
    await page.setInputFiles("#file", options.export);
    await page.getByRole("button", { name: "Import" }).click();
    await page.locator(".note[role=status]").waitFor({ timeout: 60_000 });
    check(/samples with/.test(await text(page, ".note[role=status]")), "the import reports nothing");
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: /Export everything/ }).click()]);
    check(readFileSync(await download.path()).length > 1000, "the export is empty");
  },
  async "a sample is changed and deleted"({ page }) {
    await page.goto(`${options.open}/ui/samples/2`);
    await page.getByText("Change this sample").click();
    await page.getByLabel("Version", { exact: true }).fill("7.7-flow");
    await page.getByRole("button", { name: "Save" }).click();
    check((await text(page)).includes("7.7-flow"), "the version is not changed");
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByText("Change this sample").click();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.waitForURL("**/ui/samples");
    const answer = await page.request.get(`${options.open}/ui/samples/2`);
    check(answer.status() === 404, "the sample is still there");
  },
  async "a token opens the pages, a wrong one does not"({ page, allow }) {
    allow(/401/);
    await page.goto(`${options.closed}/ui/samples?start=0`);
    check(page.url().includes("/ui/login"), "strangers see samples");
    await page.getByLabel("Token").fill("wrong");
    await page.locator("main").getByRole("button", { name: "Log in" }).click();
    check((await text(page)).includes("not valid"), "a wrong token is not named");
    await logIn(page, options.token, "/ui/samples?start=0");
    check(page.url() === `${options.closed}/ui/samples?start=0`, `the way leads to ${page.url()}`);
    await page.getByRole("button", { name: "Log out" }).click();
    await page.goto(`${options.closed}/ui/samples`);
    check(page.url().includes("/ui/login"), "logging out leaves the pages open");
  },
  async "a reader is refused what a reader may not do"({ page, browser, allow }) {
    allow(/403/);
    await logIn(page, options.token);
    const token = await makeToken(page, `reader-${Date.now()}`, "reader");
    const reader = await (await browser.newContext()).newPage();
    await logIn(reader, token);
    check(await reader.locator("option[value=submit]").count() === 0, "a reader is offered to store");
    await reader.goto(`${options.closed}/ui/samples/1`);
    check(await reader.getByText("Change this sample").count() === 0, "a reader is offered to change");
    const csrf = await reader.locator("input[name=csrf]").first().inputValue();
    const answer = await reader.request.post(`${options.closed}/ui/samples/1/delete`, { form: { csrf }, maxRedirects: 0 });
    check(answer.status() === 403, `deleting as a reader answers ${answer.status()}`);
    await reader.context().close();
  },
  async "a session ends with its token"({ page, browser }) {
    await logIn(page, options.token);
    const name = `short-${Date.now()}`;
    const token = await makeToken(page, name, "reader");
    const other = await (await browser.newContext()).newPage();
    await logIn(other, token);
    check((await text(other, ".who")).includes(name), "the name of the token is not shown");
    page.once("dialog", (dialog) => dialog.accept());
    await page.goto(`${options.closed}/ui/settings`);
    await page.locator("tr", { hasText: name }).getByRole("button", { name: "Revoke" }).click();
    await page.waitForLoadState();
    await other.goto(`${options.closed}/ui/samples`);
    check(other.url().includes("/ui/login"), "the session outlives its token");
    await other.context().close();
  },
  async "a deep link is opened by somebody else"({ page, browser }) {
    await result(page);
    await page.goto(`${page.url()}?function_min_score=80&sort=score`);
    const rows = await page.locator("#rows").getAttribute("data-total");
    const other = await (await browser.newContext()).newPage();
    await other.goto(page.url());
    check(await other.locator("#rows").getAttribute("data-total") === rows, "the link shows something else");
    await other.context().close();
  },
  async "everything works without scripts"({ browser }) {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${options.open}/ui/samples/1`);
    await page.locator("form[action$='/match'] button.main").click();
    for (let tries = 0; tries < 100 && await page.getByRole("link", { name: "Open the result" }).count() === 0; tries += 1) {
      await page.waitForTimeout(200);
      await page.reload();
    }
    await page.getByRole("link", { name: "Open the result" }).click();
    check(await page.locator("#rows tbody tr").count() > 0, "no rows without scripts");
    if (await page.locator("a[rel=next]").count() > 0) {
      await page.locator("a[rel=next]").first().click();
      check(page.url().includes("start=40"), "no next page without scripts");
    }
    await context.close();
  },
  async "a phone shows all without moving sideways"({ browser, watch }) {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, isMobile: true });
    const page = watch(await context.newPage());
    await result(page);
    const pages = [page.url(), ...["/ui/", "/ui/samples", "/ui/samples/1", "/ui/functions/1", "/ui/jobs", "/ui/triage", "/ui/statistics"].map((path) => options.open + path)];
    for (const address of pages) {
      await page.goto(address);
      const [wide, view] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      check(wide <= view + 1, `${address} is ${wide} wide on a screen of ${view}`);
    }
    await context.close();
  },
  async "dark is dark"({ browser, watch }) {
    const context = await browser.newContext({ colorScheme: "dark" });
    const page = watch(await context.newPage());
    await page.goto(`${options.open}/ui/`);
    const light = (color) => color.match(/\d+(\.\d+)?/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
    const colors = () => page.evaluate(() => [getComputedStyle(document.documentElement).backgroundColor, getComputedStyle(document.documentElement).color]);
    let [back, ink] = await colors();
    check(light(back) < 200 && light(ink) > 500, `${ink} on ${back}`);
    await page.goto(`${options.open}/ui/settings`);
    await page.getByLabel("Theme").selectOption("light");
    [back, ink] = await colors();
    check(light(back) > 600 && light(ink) < 200, `${ink} on ${back}`);
    await context.close();
  },
  async "the keyboard alone is enough"({ page }) {
    await page.goto(`${options.open}/ui/samples`);
    await page.keyboard.press("Tab");
    check((await page.evaluate(() => document.activeElement.textContent)).includes("Skip"), "the first stop is not the skip link");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/ui\/samples\/\d+/);
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("Backspace");
    await page.waitForURL(/\/ui\/families\/\d+/);
  },
  async "names made to deceive stay names"({ page }) {
    const hostile = "<img src=x onerror=alert(1)>\u202Efdp\u0000'\"</script>";
    const report = JSON.parse(readFileSync(options.report, "utf8"));
    report.sha256 = "cd".repeat(32);
    report.metadata.family = hostile;
    report.metadata.filename = hostile;
    report.metadata.version = hostile;
    for (const one of Object.values(report.xcfg)) one.metadata.function_name = hostile;
    const answer = await page.request.post(`${options.open}/samples`, { data: report });
    check(answer.ok(), `the report was refused: ${await answer.text()}`);
    const id = (await answer.json()).data.sample_info.sample_id;
    let alerted = false;
    page.on("dialog", (dialog) => { alerted = true; dialog.dismiss(); });
    await result(page, id);
    for (const address of [page.url(), `${options.open}/ui/samples/${id}`, `${options.open}/ui/families`, `${options.open}/ui/jobs`, `${options.open}/ui/search?q=${encodeURIComponent("<img")}`]) {
      await page.goto(address);
      await page.waitForLoadState("networkidle");
      check(await page.locator("main img[src=x]").count() === 0, `${address} made an element of a name`);
      check(!(await text(page)).includes("\u202E"), `${address} turns text around`);
    }
    check(!alerted, "a script ran");
  },
  async "no page has a barrier that axe knows"({ page, browser, watch }) {
    await result(page);
    const found = page.url();
    const pages = [found, ...["", "search?q=a", "families", "families/1", "samples", "samples/1", "functions/1", "diff/1/2", "jobs", "triage", "compare", "statistics", "exchange", "settings", "nothing-here"].map((path) => `${options.open}/ui/${path}`), `${options.closed}/ui/login`];
    for (const colorScheme of ["light", "dark"]) {
      // axe has to be put into the page, which its policy forbids: for this flow it is switched off.
      const context = await browser.newContext({ bypassCSP: true, colorScheme });
      const looked = await context.newPage();
      for (const address of pages) {
        await looked.goto(address);
        await looked.waitForLoadState("networkidle");
        await looked.evaluate(axe);
        const violations = await looked.evaluate(async () => (await globalThis.axe.run()).violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 200)}`));
        check(violations.length === 0, `${address} (${colorScheme}): ${violations.join("; ")}`);
      }
      await context.close();
    }
  },
};

// The sample with most functions has long lists.
const all = (await (await fetch(`${options.open}/samples`)).json()).data;
const size = (sample) => sample.statistics.num_functions;
options.large ??= Object.values(all).reduce((most, one) => (size(one) > size(most) ? one : most)).sample_id;

let failed = 0;
let passed = 0;
const browser = await chromium.launch({ executablePath: options.chromium ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

// Pictures for README and docs/pages.md instead of flows.
if (options.pictures) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  const take = async (name, height = 800) => {
    await page.setViewportSize({ width: 1200, height });
    await page.waitForTimeout(500);
    await page.screenshot({ path: `${options.pictures}/${name}.png` });
  };
  await result(page, options.large);
  await take("result", 1000);
  await page.locator("#rows").getByRole("link", { name: "Compare" }).nth(4).click();
  await take("diff");
  await page.goto(`${options.open}/ui/samples/${options.large}`);
  const rows = await page.locator("#functions ~ .scroll tbody tr").evaluateAll((rows) =>
    rows.map((row) => [row.querySelector("a").href, Number(row.cells[2].textContent.replace(",", ""))]));
  await page.goto(rows.filter(([, blocks]) => blocks > 6 && blocks < 25)[0][0]);
  await page.locator("#picture img").waitFor();
  await take("function", 1100);
  await page.goto(`${options.open}/ui/compare?samples=1,2,3,4,5,6,7,8,9,10`);
  await page.locator("main").getByRole("button", { name: "Compare" }).click();
  await openResult(page);
  await take("matrix", 620);
  await page.goto(`${options.open}/ui/triage`);
  await page.setInputFiles("#file", options.file);
  await page.getByRole("button", { name: "Examine", exact: true }).click();
  await page.waitForURL(/\/ui\/triage\/.+/);
  await take("triage");
  await page.goto(`${options.open}/ui/`);
  await take("start");
  await browser.close();
  console.log("6 passed, 0 failed");
  process.exit(0);
}
for (const [name, flow] of Object.entries(flows)) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  const problems = [];
  const allowed = [/404 \(Not Found\)/];
  const watch = (page) => {
    page.on("console", (message) => { if (message.type() === "error") problems.push(`console: ${message.text()}`); });
    page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
    page.on("request", (request) => {
      const own = [options.open, options.closed].some((base) => request.url().startsWith(`${base}/`) || request.url().startsWith(`blob:${base}/`));
      if (!own) problems.push(`request to ${request.url()}`);
    });
    return page;
  };
  const context = await browser.newContext();
  context.setDefaultTimeout(15_000);
  const page = watch(await context.newPage());
  const started = performance.now();
  try {
    await flow({ page, browser, watch, allow: (pattern) => allowed.push(pattern) });
    const left = problems.filter((problem) => !allowed.some((pattern) => pattern.test(problem)));
    check(left.length === 0, left.join("; "));
    passed += 1;
    console.log(`ok    ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${error.message.split("\n").slice(0, 4).join(" | ")} at ${page.url()}`);
  }
  await context.close();
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
